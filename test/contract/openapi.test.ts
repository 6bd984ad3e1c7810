/** The OpenAPI document: that of the code, valid, and true of what the broker answers over HTTP. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorAnswer } from '../../functions/http-answers.ts';
import { type SimulatedVendors, startSimulatedVendors } from '../../functions/simulator/server.ts';
import { openApiDocument } from '../../infra/openapi.ts';
import { BrokerError, ERROR_CODES, type ErrorCode } from '../../shared/contract/errors.ts';
import { matchRoute, ROUTES } from '../../shared/contract/routes.ts';
import { decideAt, goOn } from '../support/http-browser.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { objectionsTo, schemaAt, OPEN_API as written } from '../support/openapi.ts';
import { ROOT } from '../support/pages.ts';
import { type SignedFetchOptions, signedFetch } from '../support/signed-fetch.ts';

test('the document is the one of the code', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const stale = 'shared/contract/openapi.json is stale: npm run openapi';
  expect(written, stale).toEqual(JSON.parse(JSON.stringify(openApiDocument(version))));
});

test('the document is valid OpenAPI 3.1', async () => {
  expect(await new Validator().validate(structuredClone(written))).toEqual({ valid: true });
});

test.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s is answered as the document says', (code) => {
  const error = new BrokerError(code, 'text', { retryAfter: 1, vendorError: 'invalid_scope' });
  const { statusCode, body } = errorAnswer(error);
  const answer = { status: statusCode!, type: 'application/json', body: JSON.parse(body!) };
  expect(objectionsTo('POST /connections/{connection}/token', answer)).toEqual([]);
});

describe('against the broker on one machine', () => {
  let vendors: SimulatedVendors;
  let broker: LocalBrokerProcess;
  let folder: string;
  /** `ROUTE STATUS` of all that was answered. */
  const seen = new Set<string>();

  beforeAll(async () => {
    vendors = await startSimulatedVendors();
    folder = await mkdtemp(join(tmpdir(), 'token-broker-openapi-'));
    const file = join(folder, 'connections.json');
    await writeFile(file, JSON.stringify({ connections: connectionsAt(vendors.origins) }));
    broker = await startLocalBrokerProcess({ args: ['--connections', file, '--key', 'local'] });
    const secrets = { ...(await vendors.bits.clientSecrets()), ...(await vendors.bipsync.clientSecrets()) };
    await Promise.all(
      ['bits', 'bipsync-user', 'bipsync-kiosk'].map((name) => putSecret(name, JSON.stringify(secrets[name]))),
    );
  });
  afterAll(async () => {
    await broker?.dispose();
    await vendors?.close();
    await rm(folder, { recursive: true });
  });

  const user = 'arn:aws:iam::000000000000:user/local';
  const connectionsAt = ({ bits, bipsync }: SimulatedVendors['origins']) => {
    const person = { vendor: 'bipsync', tenant: 'acme', base_url: bipsync, scope: 'research:read' };
    const own = { vendor: 'bits', base_url: bits, scope: 'application', secret: 'token-broker/bits' };
    return {
      own: { ...own, owner: 'team', tags: { cost: '1' } },
      guarded: { ...own, callers: [{ principal: user }] },
      unlucky: own,
      unset: { ...own, secret: 'token-broker/nowhere' },
      keys: {
        vendor: 'custom',
        token_endpoint: `${bits}/token`,
        client_auth: 'private_key_jwt',
        serve_jwks: true,
      },
      person: { ...person, grant: 'authorization_code', secret: 'token-broker/bipsync-user' },
      kiosk: {
        ...person,
        grant: 'urn:ietf:params:oauth:grant-type:device_code',
        client_auth: 'none',
        secret: 'token-broker/bipsync-kiosk',
        vendor_budget: { per_minute: 1 },
      },
    };
  };

  async function putSecret(name: string, SecretString: string): Promise<void> {
    const { ok } = await signedFetch(broker.awsUrl, {
      method: 'POST',
      service: 'secretsmanager',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.CreateSecret',
      },
      body: JSON.stringify({
        Name: `token-broker/${name}`,
        SecretString,
        ClientRequestToken: randomUUID(),
      }),
    });
    expect(ok).toBe(true);
  }

  /** Notes the answer and holds it against the document. */
  async function checked(method: string, url: string, response: Response): Promise<Record<string, string>> {
    const key = matchRoute(method, new URL(url).pathname)!.key;
    const type = response.headers.get('content-type')!.split(';')[0]!;
    const text = await response.clone().text();
    const body = type.endsWith('json') ? JSON.parse(text) : text;
    expect(objectionsTo(key, { status: response.status, type, body })).toEqual([]);
    seen.add(`${key} ${response.status}`);
    return body;
  }

  async function ask(request: string, body?: object, options: SignedFetchOptions = {}) {
    const [method = '', path = ''] = request.split(' ');
    const url = broker.url + path;
    const headers = body && { 'content-type': 'application/json' };
    const sent = body && { body: JSON.stringify(body) };
    const response = await signedFetch(url, { method, ...(headers && { headers }), ...sent, ...options });
    const answer = await checked(method, url, response);
    return { status: response.status, answer };
  }

  async function page(method: string, url: string): Promise<void> {
    await checked(method, url, await fetch(url, { method, redirect: 'manual' }));
  }

  test('is served', async () => {
    const response = await fetch(`${broker.url}/openapi.json`);
    expect(await response.json()).toEqual(written);
  });

  test('tokens, connections and their owner are as described, and so is each refusal', async () => {
    await ask('POST /connections/own/token', { min_ttl: 60 });
    await ask('POST /connections/own/token', {}, { secret: 'wrong' });
    await ask('POST /connections/guarded/token', {}, { keyId: 'role-nobody' });
    await ask('POST /connections/missing/token', {});
    await ask('POST /connections/person/token', { subject: 'nobody' });
    await ask('POST /connections/unset/token');
    vendors.bits.setFault({ fault: 'oauth_error', error: 'invalid_scope' });
    await ask('POST /connections/guarded/token');
    vendors.bits.setFault({ fault: 'too_many_requests', retry_after: 7, times: 0 });
    await ask('POST /connections/unlucky/token');
    vendors.bits.setFault();
    await ask('GET /connections/own/userinfo');
    await ask('GET /connections');
    for (const name of ['own', 'person', 'unset', 'kiosk']) await ask(`GET /connections/${name}`);
    await ask('GET /connections/person?subject=nobody');
    const statuses = [...seen].map(
      (each) => /^POST \/connections\/\{connection\}\/token (\d+)/.exec(each)?.[1],
    );
    expect(statuses).toEqual(expect.arrayContaining(['200', '403', '404', '409', '500', '502', '503']));
  });

  test('consents, their pages and their grants are as described', async () => {
    const begun = await ask('POST /connections/person/consent', { subject: 'ada' });
    const { consent_url, consent } = begun.answer as { consent_url: string; consent: string };
    await page('GET', consent_url);
    await page('POST', consent_url);
    await page('GET', consent_url);
    await page('GET', `${broker.url}/consent/${'x'.repeat(43)}`);
    const again = (await ask('POST /connections/person/consent', { subject: 'bob' })).answer;
    const { url, cookie } = await goOn(again.consent_url!);
    const body = new URLSearchParams({ decision: 'approve' });
    const back = (await fetch(url, { method: 'POST', body, redirect: 'manual' })).headers.get('location')!;
    await checked('GET', back, await fetch(back, { headers: { cookie } }));
    await page('GET', back);
    await page('GET', `${broker.url}/callback`);
    await decideAt(
      (await ask('POST /connections/person/consent', { subject: 'eve' })).answer.consent_url!,
      'deny',
    );
    await ask(`POST /connections/person/consent/${consent}`, {});
    await ask('POST /connections/person/consent', { subject: 'bob' });
    await ask('GET /connections/person/grants?limit=1');
    await ask('GET /connections/person');
    await ask('GET /connections/person?subject=bob');
    await ask('GET /connections/person/grants?limit=0');
    await ask('DELETE /connections/person/grants/bob?force=true');
    await ask('DELETE /connections/person/grants/bob');
  });

  test('public keys are as described, and what is none of them', async () => {
    await page('GET', `${broker.url}/jwks/keys`);
    await page('GET', `${broker.url}/jwks/own`);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const private_key = privateKey.export({ format: 'jwk' });
    await putSecret('keys', JSON.stringify({ client_id: 'a', private_key }));
    await page('GET', `${broker.url}/jwks/keys`);
    expect([...seen].filter((each) => each.includes('/jwks/')).sort()).toEqual(
      ['200', '404', '503'].map((status) => `GET /jwks/{connection} ${status}`),
    );
  });

  test('a device consent and a used-up budget are as described', async () => {
    const begun = [];
    // One of three: a minute may end between two of them.
    for (let times = 0; times < 3; times += 1) begun.push(await ask('POST /connections/kiosk/consent', {}));
    expect(begun.map(({ status }) => status)).toContain(429);
    const { answer } = begun.find(({ status }) => status === 200)!;
    await page('GET', answer.consent_url!);
    await ask(`POST /connections/kiosk/consent/${answer.consent}`, {});
  });

  test.each<[string, object]>([
    ['an empty body', {}],
    ['everything', { subject: 'a', scope: 'a b', params: { x: 'y' }, min_ttl: 0, rejected: 'r'.repeat(43) }],
    ['an unknown member', { scopes: 'a' }],
    ['a subject with a slash', { subject: 'a/b' }],
    ['256 astral characters', { subject: '😀'.repeat(256) }],
    ['257 characters', { subject: 'a'.repeat(257) }],
    ['two spaces in a scope', { scope: 'a  b' }],
    ['a scope of 4097', { scope: 'a'.repeat(4097) }],
    ['a fraction', { min_ttl: 0.5 }],
    ['a day and a second', { min_ttl: 86_401 }],
    ['a token for a fingerprint', { rejected: 'eyJ.x.y' }],
    ['21 params', { params: Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`p${at}`, 'x'])) }],
    ['a param with a blank in its name', { params: { 'a b': 'c' } }],
    ['a param of no string', { params: { a: 1 } }],
  ])('the document and the broker agree about a token request with %s', async (_, body) => {
    const validate = schemaAt('components', 'schemas', 'TokenRequest');
    const { answer } = await ask('POST /connections/own/token', body);
    // What fits the schema may still be none of the connection's.
    const misshapen = /must be|Unknown:/.test(answer.error_description ?? '');
    expect(validate(body)).toBe(!misshapen);
  });

  test('and every route was asked, one that no connection here uses included', () => {
    const asked = (key: string) => ['200', '303', '404'].some((status) => seen.has(`${key} ${status}`));
    expect(Object.keys(ROUTES).filter((key) => !asked(key))).toEqual([]);
  });
});
