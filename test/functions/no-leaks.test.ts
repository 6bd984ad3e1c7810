/** Invariant 9: whatever happens, nothing secret is in a log, a metric, an error or an answer that is no token. */

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { callbackHandler } from '../../functions/callback.ts';
import type { Broker, Stores } from '../../functions/compose.ts';
import { answered } from '../../functions/http-answers.ts';
import { httpsHandler } from '../../functions/https.ts';
import { invokeHandler } from '../../functions/invoke.ts';
import { observed } from '../../functions/middleware.ts';
import { refreshHandler } from '../../functions/refresh.ts';
import { VENDOR_NAMES, type VendorName } from '../../functions/simulator/clients.ts';
import { FAULTS, type FaultName } from '../../functions/simulator/faults.ts';
import { telemetry } from '../../functions/telemetry.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { decide } from '../simulator/support.ts';
import { brokerWorld } from '../support/broker.ts';
import { Canaries } from '../support/canaries.ts';
import { Browser } from '../support/consent-browser.ts';
import { type HttpPeer, json, type Reply, startHttpPeer, text } from '../support/http-peer.ts';
import { type HttpsRequest, httpsEvent, INVOKE_ARN, lambdaContext } from '../support/lambda.ts';
import { rawItems } from '../support/raw-items.ts';
import { openStores } from '../support/stores.ts';

const world = brokerWorld();
const canaries = new Canaries();

/** What was logged or measured, thrown, or answered (tokens for their callers apart) since the last search. */
const shown: string[] = [];
const searched: string[] = [];

const CALLBACK = 'http://127.0.0.1:8787/callback';

/** One attempt, and no long waits: what is logged does not depend on them. */
const timing = { attemptTimeout: 150, attempts: 1, settle: 1, refusalFirst: 1, secretRecheck: 1 };

let peer: HttpPeer;

/** With the characters that encodings change. */
function canary(name: string): string {
  const value = `${name} +/:%&="\\é<${randomUUID()}`;
  canaries.add(name, value);
  return value;
}

/** A token, a code: visible ASCII without spaces. */
function plainCanary(name: string): string {
  const value = `${name.replaceAll(' ', '-')}.${randomUUID()}`;
  canaries.add(name, value);
  return value;
}

beforeAll(async () => {
  peer = await startHttpPeer();
  const write = (chunk: string | Uint8Array) => shown.push(String(chunk)) > 0;
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
  for (const level of ['debug', 'info', 'log', 'warn', 'error', 'trace'] as const) {
    vi.spyOn(console, level).mockImplementation((...parts) => shown.push(inspect(parts, { depth: 20 })));
  }
});
afterAll(async () => {
  vi.restoreAllMocks();
  await peer.close();
});

/** The functions as they are deployed, which keep what their callers see. */
function deployed(connections: readonly Connection[], stores?: (stores: Stores) => Stores) {
  const instruments = telemetry();
  const options = { timing, observe: instruments.observe, ...(stores && { stores }) };
  const broker = remembering(world.process(connections, options).broker);
  const https = observed(instruments, answered(httpsHandler(broker)));
  const callback = observed(instruments, answered(callbackHandler(broker)));
  const browser = new Browser(async (event) => {
    const page = await callback(event, lambdaContext());
    // The way to the vendor and the cookie are the browser's alone.
    const { location: _, ...headers } = page.headers ?? {};
    const { cookies: __, ...rest } = page;
    shown.push(inspect(page.statusCode === 303 ? { ...rest, body: '', headers } : rest, { depth: 5 }));
    return page;
  });
  const invoke = observed(instruments, invokeHandler(broker));
  const refresh = observed(instruments, refreshHandler(broker));
  return {
    async send(request: HttpsRequest): Promise<Record<string, string>> {
      const { statusCode, body = '', headers } = await https(httpsEvent(request), lambdaContext());
      if (statusCode !== 200 || !/token$|consent$/.test(request.request)) shown.push(body, inspect(headers));
      return JSON.parse(body);
    },
    /** Goes on with a consent in a browser. @returns where the vendor asks the person */
    async goOn({ consent_url }: Record<string, string>): Promise<string> {
      const secret = new URL(consent_url!).pathname.split('/').at(-1)!;
      canaries.add('consent', secret);
      await browser.open(secret);
      const { url } = await browser.goOn(secret);
      const [cookie] = browser.cookies;
      canaries.add('browser', cookie!.split('=')[1]!);
      return url;
    },
    async callback(url: URL): Promise<void> {
      await browser.comeBack(url);
    },
    async invoke(connection: string, event: unknown): Promise<void> {
      await invoke(event, lambdaContext(`${INVOKE_ARN}:${connection}`)).catch(remember);
    },
    async sweep(): Promise<void> {
      for (const shard of [0, 1, 2, 3]) {
        const report = await refresh({ shard }, lambdaContext(undefined, 300_000)).catch(remember);
        shown.push(inspect(report));
      }
    },
  };
}

function remember(error: unknown): void {
  shown.push(inspect(error, { depth: 20, showHidden: true, getters: true }));
}

/** Keeps what every operation throws, causes and all, before anybody has made it presentable. */
function remembering(broker: Broker): Broker {
  const entries = Object.entries(broker).map(([name, operation]) => {
    if (typeof operation !== 'function') return [name, operation];
    const run = operation as (...parameters: unknown[]) => unknown;
    const watched = (...parameters: unknown[]) => {
      const result = run(...parameters);
      if (result instanceof Promise) result.catch(remember);
      return result;
    };
    return [name, watched];
  });
  return Object.fromEntries(entries) as Broker;
}

const tokenRoute = ({ name }: Connection, body: object = {}): HttpsRequest => ({
  request: `POST /connections/${name}/token`,
  body: JSON.stringify(body),
});

/** What has been issued so far is a canary from then on. */
function noteIssued(): void {
  for (const name of VENDOR_NAMES) {
    const issued = world.vendors[name].issuedTokens();
    if (issued.length > 0) canaries.add(`tokens of ${name}`, ...issued);
  }
}

function expectNoLeak(): void {
  noteIssued();
  const text = shown.splice(0).join('\n');
  searched.push(text);
  expect(text).not.toBe('');
  expect(canaries.findIn(text)).toEqual([]);
}

const faults = Object.keys(FAULTS) as FaultName[];
const faultOf = (fault: FaultName, options: object = {}) => ({
  fault,
  times: 0,
  ...(fault === 'odd_member' ? { member: 'token_type', value: { odd: 'value' } } : {}),
  ...(/slow|late/.test(fault) ? { delay_ms: 60_000 } : {}),
  ...options,
});

/** Connections to the simulated vendors whose clients have canaries for secrets. */
async function clients(): Promise<Connection[]> {
  const client_secret = canary('client secret');
  const register = (vendor: VendorName, scopes: string[]) => {
    const clientId = `client-${randomUUID()}`;
    const grants = ['client_credentials'];
    world.vendors[vendor].registerClient({ clientId, clientSecret: client_secret, grants, scopes });
    return { client_id: clientId, client_secret };
  };
  const key = (await world.vendors.bugfender.clientSecrets())['bugfender-key']!;
  canaries.add('private key', key.private_key!);
  return [
    await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, register('bugsplat', ['symbols'])),
    await world.connect({ vendor: 'bugfender' }, register('bugfender', ['all'])),
    await world.connect({ vendor: 'bugfender', client_auth: 'private_key_jwt' }, key),
    await world.connect({ vendor: 'bipsync', scope: 'team_42' }, register('bipsync', ['team_42'])),
    await world.connect({ vendor: 'bits', scope: 'application' }, register('bits', ['application'])),
  ];
}

describe('nothing secret is shown', () => {
  test('by success, on every route', async () => {
    const connections = await clients();
    const { send, invoke } = deployed(connections);
    for (const connection of connections) {
      const { access_token } = await send(tokenRoute(connection));
      expect(access_token).toEqual(expect.any(String));
      const rejected = fingerprint(new Redacted(access_token!));
      await send(tokenRoute(connection, { rejected }));
      await send(tokenRoute(connection, { min_ttl: 86_400 }));
      await invoke(connection.name, {});
      await send({ request: `GET /connections/${connection.name}` });
      await send({ request: `GET /connections/${connection.name}/userinfo` });
    }
    await send({ request: 'GET /connections' });
    expectNoLeak();
  });

  test.each(faults)('by a vendor that commits %s', async (fault) => {
    const connections = await clients();
    const { send, invoke } = deployed(connections);
    for (const options of faultOptions(fault)) {
      for (const name of VENDOR_NAMES) {
        world.vendors[name].setFault(faultOf(fault, options));
      }
      await Promise.all(connections.map((connection) => send(tokenRoute(connection))));
      await Promise.all(connections.map((connection) => invoke(connection.name, {})));
    }
    await send({ request: 'GET /connections' });
    expectNoLeak();
  });

  function faultOptions(fault: FaultName): object[] {
    return 'processed' in FAULTS[fault].options ? [{ processed: true }, { processed: false }] : [{}];
  }

  test('by a vendor that repeats the request in its answer', async () => {
    const client_secret = canary('secret of an echoing vendor');
    const access_token = plainCanary('token beside an error');
    const members = {
      vendor: 'custom',
      client_auth: 'client_secret_post',
      token_endpoint: `${peer.origin}/token`,
    };
    const body = plainCanary('body of a vendor');
    const replies: Reply[] = [
      json(400, { error: client_secret }),
      json(400, { error: 'invalid_request', error_description: client_secret }),
      json(
        401,
        { error: 'invalid_client', error_uri: client_secret },
        { 'www-authenticate': `Basic realm="${body}"` },
      ),
      json(200, {
        access_token,
        token_type: 'Bearer',
        error: 'invalid_scope',
        error_description: client_secret,
      }),
      json(200, { access_token, token_type: { [body]: client_secret } }),
      json(200, { access_token: [access_token], refresh_token: body }),
      json(200, { access_token: `${access_token}\r\nX: y`, expires_in: body }),
      json(400, { message: `No such client: ${encodeURIComponent(client_secret)}` }),
      text(500, `<pre>${client_secret}</pre>`, { 'content-type': 'text/html' }),
      text(302, '', {
        location: `${peer.origin}/elsewhere?secret=${encodeURIComponent(client_secret)}&${body}`,
      }),
      text(200, `${access_token} ${client_secret}`),
      text(200, `{"access_token":"${access_token}"`),
      text(429, client_secret, { 'retry-after': body }),
    ];
    for (const reply of replies) {
      const connection = await world.connect(members, { client_id: 'client', client_secret });
      const { send, invoke } = deployed([connection]);
      peer.replyWith(reply);
      await send(tokenRoute(connection));
      await invoke(connection.name, {});
      await send({ request: `GET /connections/${connection.name}` });
    }
    expectNoLeak();
  });

  test('by client assertions, accepted, refused and lost', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const private_key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    canaries.add('private key of a custom client', private_key);
    const members = {
      vendor: 'custom',
      client_auth: 'private_key_jwt',
      token_endpoint: `${peer.origin}/token`,
    };
    const access_token = plainCanary('token for an assertion');
    const replies: Reply[] = [
      json(200, { access_token, token_type: 'Bearer', expires_in: 600 }),
      (response, { parameters }) =>
        json(401, { error: 'invalid_client', error_description: parameters.client_assertion })(
          response,
          null as never,
        ),
      (response, { parameters }) =>
        json(400, { error: parameters.client_assertion })(response, null as never),
      (response, { body }) => text(500, body)(response, null as never),
      (response) => response.socket?.destroy(),
    ];
    for (const reply of replies) {
      const connection = await world.connect(members, { client_id: 'client', private_key });
      const { send } = deployed([connection]);
      peer.replyWith(reply);
      await send(tokenRoute(connection));
      canaries.add('assertion', ...peer.received.map(({ parameters }) => parameters.client_assertion!));
    }
    expectNoLeak();
  });

  test('by secrets that are malformed', async () => {
    const value = canary('malformed secret');
    const encrypted = generateKeyPairSync('rsa', {
      modulusLength: 2_048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
    }).privateKey;
    canaries.add('encrypted key', encrypted);
    const key = { vendor: 'bugfender', client_auth: 'private_key_jwt' };
    const connections = [
      await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, { client_secret: value }),
      await world.connect(
        { vendor: 'bugsplat', scope: 'symbols' },
        { client_id: [value], client_secret: value },
      ),
      await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, { client_id: 'x', [value]: value }),
      await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, [value]),
      await world.connect(key, { client_id: 'x', private_key: value }),
      await world.connect(key, { client_id: 'x', private_key: encrypted }),
      await world.connect(key, { client_id: 'x', private_key: { kty: 'RSA', d: value, n: value, e: value } }),
      await world.connect(key, {
        client_id: 'x',
        private_key: `-----BEGIN PRIVATE KEY-----\n${value}\n-----END PRIVATE KEY-----`,
      }),
    ];
    const { send, invoke } = deployed(connections);
    for (const connection of connections) {
      expect(await send(tokenRoute(connection))).toMatchObject({ error: 'secret_unavailable' });
      await invoke(connection.name, {});
    }
    expectNoLeak();
  });

  test.each(['reset', 'error_500', 'applied_then_reset'] as const)(
    'by stores that fail (%s)',
    async (fault) => {
      const { manager } = openStores(world.origins, world.names);
      const { SecretString } = await manager.client.send(
        new GetSecretValueCommand({ SecretId: world.names.keyring }),
      );
      canaries.add('sealing key', JSON.parse(SecretString!).key);
      const connections = await clients();
      world.dynamodb.inject(fault, { operation: 'PutItem' });
      const { send } = deployed(connections);
      await Promise.all(connections.map((connection) => send(tokenRoute(connection))));
      world.dynamodb.inject(fault);
      world.secretsManager.inject(fault);
      const others = deployed(connections);
      await Promise.all(connections.map((connection) => others.send(tokenRoute(connection))));
      await others.send({ request: 'GET /connections' });
      expectNoLeak();
    },
  );

  test('by callers who send what they should not', async () => {
    const connections = await clients();
    const { send, invoke } = deployed(connections);
    const value = canary('value that a caller sent');
    for (const connection of connections) {
      for (const body of [
        { rejected: value },
        { scope: value },
        { subject: `${value}/` },
        { params: { application_id: value } },
        { params: { access_token: value } },
        { min_ttl: value },
        { connection: value },
      ]) {
        await send(tokenRoute(connection, body));
        await invoke(connection.name, body);
      }
      const request = `POST /connections/${connection.name}`;
      await send({ request: `${request}/token`, body: `{"rejected": "${value}` });
      await send({ request: `${request}/consent/nothing`, body: JSON.stringify({ code: value }) });
      await send({ request: `${request}/consent/nothing`, body: JSON.stringify({ code: [value] }) });
    }
    expectNoLeak();
  });

  test('by defects of ours, whatever the thrown error holds', async () => {
    const connections = await clients();
    const value = canary('message of a defect');
    const defect = async (): Promise<never> => {
      throw Object.assign(new TypeError(value, { cause: new Error(value) }), {
        body: value,
        name: 'TypeError',
      });
    };
    const before = shown.length;
    const broken: ((stores: Stores) => Stores)[] = [
      (stores) => ({ ...stores, tokens: { ...stores.tokens, read: defect } }),
      (stores) => ({ ...stores, tokens: { ...stores.tokens, write: defect } }),
      (stores) => ({ ...stores, refusals: { ...stores.refusals, read: defect } }),
      (stores) => ({ ...stores, secrets: { ...stores.secrets, read: defect } }),
    ];
    for (const change of broken) {
      const { send, invoke } = deployed(connections, change);
      expect(await send(tokenRoute(connections[0]!))).toMatchObject({ error: 'internal' });
      await invoke(connections[1]!.name, {});
    }
    // What was thrown holds it, being what it is; what left the functions must not.
    const thrown = shown.splice(before).filter((each) => !each.startsWith('TypeError'));
    shown.push(...thrown);
    expectNoLeak();
  });

  test('by consents, refreshes and revocations, and the sweep', async () => {
    world.vendors.bugfender.set({ expires_in: 5 });
    const clientSecret = canary('secret of an integration');
    const clientId = `client-${randomUUID()}`;
    const grants = ['authorization_code', 'refresh_token'];
    const redirectUris = [CALLBACK];
    world.vendors.bugfender.registerClient({ clientId, clientSecret, grants, scopes: ['all'], redirectUris });
    const connection = await world.connect(
      { vendor: 'bugfender', grant: 'authorization_code', redirect_uri: CALLBACK },
      { client_id: clientId, client_secret: clientSecret },
    );
    const { send, goOn, callback, sweep } = deployed([connection]);
    const path = `/connections/${connection.name}`;

    async function consent(subject: string): Promise<void> {
      const body = JSON.stringify({ subject });
      const url = await goOn(await send({ request: `POST ${path}/consent`, body }));
      canaries.add('state', new URL(url).searchParams.get('state')!);
      const back = await decide(url);
      canaries.add('authorization code', back.searchParams.get('code')!);
      await callback(back);
      await callback(back);
    }

    for (const fault of faults) {
      const subject = `person-${fault}`;
      await consent(subject);
      expect(await send(tokenRoute(connection, { subject }))).toHaveProperty('access_token');
      world.vendors.bugfender.setFault(faultOf(fault));
      await send(tokenRoute(connection, { subject }));
      await send({ request: `GET ${path}`, query: { subject } });
      world.vendors.bugfender.setFault();
    }
    await sweep();
    const declined = await send({ request: `POST ${path}/consent`, body: JSON.stringify({ subject: 'x' }) });
    await callback(await decide(await goOn(declined), 'deny'));
    await callback(
      new URL(`${CALLBACK}?code=${plainCanary('stray code')}&state=${plainCanary('stray state')}`),
    );
    for (const fault of faults)
      await send({ request: `DELETE ${path}/grants/person-${fault}`, query: { force: 'true' } });
    expectNoLeak();
  });

  test('by a code exchange, with its verifier, that goes wrong', async () => {
    const client_secret = canary('secret of a code exchange');
    const connection = await world.connect(
      {
        vendor: 'custom',
        grant: 'authorization_code',
        client_auth: 'client_secret_post',
        token_endpoint: `${peer.origin}/token`,
        authorization_endpoint: `${peer.origin}/authorize`,
        scope: 'read',
      },
      { client_id: 'client', client_secret },
    );
    const { send, goOn, callback } = deployed([connection]);
    const tokens = { access_token: plainCanary('access token'), refresh_token: plainCanary('refresh token') };
    const replies: Reply[] = [
      (response, { body }) =>
        json(400, { error: 'invalid_grant', error_description: body })(response, null as never),
      (response, { parameters }) => json(400, { error: parameters.code_verifier })(response, null as never),
      json(200, { ...tokens, token_type: 7 }),
      json(201, { ...tokens, expires_in: 'soon' }),
    ];
    for (const [index, reply] of replies.entries()) {
      const body = JSON.stringify({ subject: `person-${index}` });
      const url = await goOn(await send({ request: `POST /connections/${connection.name}/consent`, body }));
      const { searchParams } = new URL(url);
      const state = searchParams.get('state')!;
      peer.replyWith(reply);
      await callback(
        new URL(`${searchParams.get('redirect_uri')}?code=${plainCanary('code')}&state=${state}`),
      );
      const { code_verifier } = peer.received[0]!.parameters;
      canaries.add('state', state);
      canaries.add('code verifier', code_verifier!);
    }
    expectNoLeak();
  });
});

test.each(['tokens', 'grants'] as const)('nothing of it stands open in the %s table', async (table) => {
  const items = await rawItems(world).all(table);
  expect(items.length).toBeGreaterThan(3);
  // Sets, maps and bytes as text, so that nothing is passed over.
  const text = inspect(items, { depth: 20, maxArrayLength: null, maxStringLength: null });
  expect(canaries.findIn(text)).toEqual([]);
});

test('everything that could leak was looked for, and everything that shows was looked at', () => {
  const text = searched.join('\n');
  const parts = [
    '"message":"audit"',
    '"message":"vendor_call"',
    '"message":"grant"',
    '"_aws":{',
    '"error":"vendor_rejected"',
    'VendorError: ',
    '[vendor_rejected: {"error":',
    '<!doctype html>',
  ];
  expect(parts.filter((part) => !text.includes(part))).toEqual([]);
  expect(canaries.names()).toEqual(
    expect.arrayContaining([
      'client secret',
      'private key',
      'assertion',
      'sealing key',
      'state',
      'authorization code',
      'code verifier',
      'tokens of bits',
    ]),
  );
});

describe('the search finds a planted leak', () => {
  const secret = 'planted +/:%&="\\é<secret';
  const planted = new Canaries();
  planted.add('planted', secret);

  test.each<[string, string]>([
    ['plain', secret],
    ['cut off', 'access-token-of-forty-eight-characters-and-no-more'.slice(0, 30)],
    ['URL-encoded', encodeURIComponent(secret)],
    ['form-encoded', new URLSearchParams({ secret }).toString()],
    ['in JSON', JSON.stringify({ secret })],
    ['in JSON within JSON', JSON.stringify({ body: JSON.stringify({ secret }) })],
    ['in Basic credentials', Buffer.from(`id:${secret}`).toString('base64')],
    ['in base64, one byte on', Buffer.from(`i:${secret}x`).toString('base64')],
    ['in base64, two bytes on', Buffer.from(`${secret}xy`).toString('base64')],
    ['in a token’s payload', Buffer.from(JSON.stringify({ é: secret })).toString('base64url')],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in upper case', secret.toUpperCase()],
  ])('%s', (_, text) => {
    planted.add('long one', 'access-token-of-forty-eight-characters-and-no-more');
    expect(planted.findIn(`before ${text} after`)).not.toEqual([]);
  });

  test('in an event that is logged', () => {
    const { observe } = telemetry();
    const before = shown.length;
    observe({ type: 'cache_failed', connection: 'c', operation: secret });
    const logged = shown.splice(before).join('\n');
    expect(planted.findIn(logged)).toHaveLength(1);
  });

  test('and nothing where nothing is', () => {
    expect(planted.findIn('planted secret [redacted]')).toEqual([]);
  });
});
