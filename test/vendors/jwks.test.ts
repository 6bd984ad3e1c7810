/** The public keys that a connection serves, as vendors see them: through a rotation without a refusal, and never more. */
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { promoted, withNextKey } from '../../functions/cli/secret-keys.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { KMS_KEYS } from '../../shared/connections/kms.ts';
import { type BrokerProcess, brokerWorld, counted } from '../support/broker.ts';
import { Browser } from '../support/consent-browser.ts';
import { json, startHttpPeer } from '../support/http-peer.ts';
import { makeKmsKey } from '../support/kms.ts';
import { startOidcProvider } from '../support/oidc-provider.ts';

const world = brokerWorld();
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const { privateKey: ed25519 } = generateKeyPairSync('ed25519');

const SERVING = { vendor: 'custom', client_auth: 'private_key_jwt', serve_jwks: true };
const ELSEWHERE = { ...SERVING, token_endpoint: 'http://127.0.0.1:9/token' };

const fetched = (process: BrokerProcess, name: string) => Browser.of(process).get(`/jwks/${name}`);
async function keysOf(process: BrokerProcess, { name }: Connection): Promise<JsonWebKey[]> {
  const answer = await fetched(process, name);
  expect([answer.statusCode, answer.headers]).toEqual([
    200,
    expect.objectContaining({
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=300',
    }),
  ]);
  return JSON.parse(answer.body!).keys;
}
const idsOf = async (process: BrokerProcess, connection: Connection) =>
  (await keysOf(process, connection)).map(({ kid }) => kid);

describe('a rotation', () => {
  let process: BrokerProcess;
  let url = '';
  let path = '';
  const server = createServer(async (_, response) => {
    const { statusCode = 500, headers, body } = await Browser.of(process).get(path);
    response.writeHead(statusCode, headers as Record<string, string>).end(body);
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterAll(() => {
    vi.useRealTimers();
    server.close();
  });

  /** For both sides: what the vendor has fetched is as old as what the broker has read. */
  const minutesPass = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);

  test('goes on without a refusal at a server that fetches the keys, and keeps them as long as it may', async () => {
    const issuing = await startOidcProvider({
      // By its own, it asks nobody on loopback.
      fetch: (target, options) => fetch(target, { headers: options?.headers ?? {} }),
      clients: [
        {
          client_id: 'fetched',
          redirect_uris: [],
          response_types: [],
          grant_types: ['client_credentials'],
          scope: 'read',
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: 'ES256',
          jwks_uri: url,
        },
      ],
    });
    onTestFinished(() => issuing.close());
    const first = { client_id: 'fetched', private_key: pem(ec) };
    const connection = await world.connect({ ...SERVING, issuer: issuing.issuer, scope: 'read' }, first);
    path = `/jwks/${connection.name}`;
    process = world.process(connection);
    const mint = async () => {
      const before = process.events.length;
      expect(await process.token({ min_ttl: 86_400 })).toMatchObject({ source: 'vendor' });
      // Not even one that a spare key would have mended.
      const calls = process.events.slice(before).filter(({ type }) => type === 'vendor_call');
      expect(calls).toEqual([expect.objectContaining({ outcome: 'success' })]);
      minutesPass(1);
    };

    await mint();
    const [old] = await idsOf(process, connection);

    const next = await withNextKey(first, {});
    if (!('members' in next)) throw new Error(next.problem);
    await world.putSecret(connection, next.members);
    minutesPass(2);
    const [signing, coming, ...others] = await idsOf(process, connection);
    expect([signing, others]).toEqual([old, []]);
    expect(coming).not.toBe(old);
    await mint();
    minutesPass(10);
    await mint();

    await world.putSecret(connection, promoted(next.members)!);
    await mint();
    minutesPass(5);
    await mint();
    expect(await idsOf(process, connection)).toEqual([coming, old]);

    // The next rotation ends what the last one has left.
    const third = await withNextKey(promoted(next.members)!, {});
    if (!('members' in third)) throw new Error(third.problem);
    await world.putSecret(connection, third.members);
    minutesPass(7);
    const last = await idsOf(process, connection);
    expect(last).toEqual([coming, expect.any(String)]);
    expect(last).not.toContain(old);
    await mint();
  });
});

describe.each<[string, KeyObject, object, string[]]>([
  ['RSA', rsa, { kty: 'RSA' }, ['e', 'n']],
  ['EC', ec, { kty: 'EC', alg: 'ES256' }, ['crv', 'x', 'y']],
  ['OKP', ed25519, { kty: 'OKP' }, ['crv', 'x']],
])('of a key of type %s', (_, key, kind, members) => {
  const common = ['kid', 'kty', 'use', ...('alg' in kind ? ['alg'] : [])];

  test.each([
    ['a PEM', pem(key)],
    ['a JWK', key.export({ format: 'jwk' })],
    ['a JWK in a string', JSON.stringify(key.export({ format: 'jwk' }))],
  ])('in %s only the public half is shown, of the next one too', async (_form, private_key) => {
    const next = await withNextKey({ private_key }, { keyId: 'k2' });
    if (!('members' in next)) throw new Error(next.problem);
    const connection = await world.connect(ELSEWHERE, { client_id: 'a', ...next.members });
    const keys = await keysOf(world.process(connection), connection);
    expect(keys).toEqual([
      expect.objectContaining({ ...kind, use: 'sig' }),
      expect.objectContaining({ kid: 'k2' }),
    ]);
    for (const each of keys) expect(Object.keys(each).sort()).toEqual([...common, ...members].sort());
    const secrets = [key, privateHalf(next.members)].map((each) => each.export({ format: 'jwk' }).d!);
    for (const secret of secrets) expect(JSON.stringify(keys)).not.toContain(secret);
  });
});

const privateHalf = ({ next_private_key: key }: Readonly<Record<string, unknown>>) =>
  createPrivateKey(key as string);

test.each([
  ['a private key', async () => ({ private_key: pem(ec) })],
  ['a private key that the vendor has named', async () => ({ private_key: pem(ec), key_id: 'k1' })],
  [
    'a key in KMS',
    async () => ({
      kms_key_id: (await makeKmsKey(world.origins.secretsManager, KMS_KEYS.ES256.keySpec)).id,
    }),
  ],
])('an assertion by %s names one of the keys that are listed', async (_, secret) => {
  const vendor = await startHttpPeer();
  onTestFinished(() => vendor.close());
  vendor.replyWith(json(200, { access_token: 'a', token_type: 'Bearer' }));
  const value = { client_id: 'a', ...(await secret()) };
  const signing = 'kms_key_id' in value ? { signing: 'kms', signing_alg: 'ES256' } : {};
  const members = { ...SERVING, ...signing, token_endpoint: `${vendor.origin}/token` };
  const connection = await world.connect(members, value);
  const process = world.process(connection);
  await process.token();
  const { client_assertion = '' } = vendor.received[0]!.parameters;
  const keys = createLocalJWKSet({ keys: await keysOf(process, connection) } as JSONWebKeySet);
  const { protectedHeader } = await jwtVerify(client_assertion, keys, {
    currentDate: new Date(world.clock.now()),
  });
  if ('key_id' in value) expect(protectedHeader.kid).toBe('k1');
  else expect(protectedHeader.kid).toMatch(/^[\w-]{43}$/);
});

test('whoever asks for another connection cannot tell one that is there from one that is not', async () => {
  const hidden = await world.connect({ ...ELSEWHERE, serve_jwks: false }, { private_key: pem(ec) });
  const secret = await world.connect({ vendor: 'bits', scope: 'application' }, 'bits');
  const process = world.process([hidden, secret]);
  const operations = await counted(world.secretsManager, async () => {
    const answers = await Promise.all(
      [hidden.name, secret.name, 'nowhere', '1'].map((name) => fetched(process, name)),
    );
    for (const answer of answers) {
      expect(answer).toEqual(answers[0]);
      expect(answer).toMatchObject({ statusCode: 404, headers: { 'cache-control': 'no-store' } });
    }
  });
  expect(operations).toEqual({});
});

test('strangers make no more calls of AWS than one reading a minute', async () => {
  const connection = await world.connect(ELSEWHERE, { client_id: 'a', private_key: pem(ec) });
  const process = world.process(connection);
  const ask = () => Promise.all(Array.from({ length: 50 }, () => keysOf(process, connection)));
  const operations = await counted(world.secretsManager, async () => {
    await ask();
    await ask();
  });
  expect(operations).toEqual({ GetSecretValue: 3 });
});

test('a secret that cannot be shown is no empty set, and is told to nobody but the log', async () => {
  const connection = await world.connect(ELSEWHERE, { client_id: 'a', private_key: 'canary-4711' });
  const process = world.process(connection);
  const answer = await fetched(process, connection.name);
  expect(answer).toMatchObject({
    statusCode: 503,
    headers: { 'cache-control': 'no-store', 'retry-after': '60' },
    body: '{"message":"Service Unavailable"}',
  });
  expect(process.events).toEqual([
    expect.objectContaining({ type: 'audit', action: 'read', outcome: 'secret_unavailable' }),
  ]);
  expect(JSON.stringify(process.events)).not.toContain('canary');
});

test('a next key that is malformed, or a version before without a key, takes nothing from the one that signs', async () => {
  const connection = await world.connect(ELSEWHERE, { client_id: 'a', client_secret: 's' });
  const value = { client_id: 'a', private_key: pem(ec), key_id: 'k1', next_private_key: 'canary' };
  await world.putSecret(connection, value);
  expect(await idsOf(world.process(connection), connection)).toEqual(['k1']);
});

test('keys stay where the vendor fetches them when the connection is renamed', async () => {
  const secret = { client_id: 'a', private_key: pem(ec), key_id: 'k1' };
  const connection = await world.connect({ ...ELSEWHERE, renamed_from: 'former' }, secret);
  const answer = await fetched(world.process(connection), 'former');
  expect(JSON.parse(answer.body!).keys).toMatchObject([{ kid: 'k1' }]);
});
