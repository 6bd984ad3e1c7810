/** Clients whose private key is nowhere but in KMS, against a certified server that takes keys alone. */
import { jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { JWT_BEARER_GRANT } from '../../shared/connections/connection.ts';
import { KMS_KEYS, type KmsAlgorithm } from '../../shared/connections/kms.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { brokerWorld, counted, refusal } from '../support/broker.ts';
import { grantProcess, redirecting } from '../support/grants.ts';
import { startHttpPeer } from '../support/http-peer.ts';
import { makeKmsKey } from '../support/kms.ts';
import { type OidcProvider, startOidcProvider, WITH_PEOPLE } from '../support/oidc-provider.ts';

const ALGORITHMS = Object.keys(KMS_KEYS) as KmsAlgorithm[];

const world = brokerWorld();
const keys = {} as Record<KmsAlgorithm, Awaited<ReturnType<typeof makeKmsKey>>>;
let peer: OidcProvider;
beforeAll(async () => {
  for (const alg of ALGORITHMS)
    keys[alg] = await makeKmsKey(world.origins.secretsManager, KMS_KEYS[alg].keySpec);
  peer = await startOidcProvider({
    clientAuthMethods: ['private_key_jwt'],
    clients: ALGORITHMS.map((alg) => ({
      ...WITH_PEOPLE,
      client_id: `kms-${alg}`,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: alg,
      jwks: { keys: [keys[alg].jwk] },
    })),
  });
});
afterAll(() => peer.close());
beforeEach(() => world.secretsManager.heal());

const connect = (alg: KmsAlgorithm, more: object = {}) =>
  world.connect(
    {
      vendor: 'custom',
      issuer: peer.issuer,
      client_auth: 'private_key_jwt',
      signing: 'kms',
      signing_alg: alg,
      scope: 'read',
      ...more,
    },
    { client_id: `kms-${alg}`, kms_key_id: keys[alg].id },
  );

describe.each(ALGORITHMS)('by %s', (alg) => {
  test('a client gets a token for one signature', async () => {
    const process = world.process(await connect(alg));
    const operations = await counted(world.secretsManager, async () => {
      expect(await process.token()).toMatchObject({ source: 'vendor', scope: 'read' });
      expect(await process.token()).toMatchObject({ source: 'memory' });
    });
    expect(operations.Sign).toBe(1);
  });
});

test('a person consents, and while KMS fails the grant is not held to account for it', async () => {
  const connection = await connect('ES256', {
    grant: 'authorization_code',
    scope: 'offline_access read',
    redirect_uri: peer.redirectUri,
    authorize_params: { prompt: 'consent' },
  });
  const process = grantProcess(world, connection);
  const { authorization_url } = redirecting(await process.start());
  expect(await process.callback(await peer.approve(authorization_url))).toMatchObject({ kind: 'connected' });
  const { access_token } = await process.token();
  const rejected = fingerprint(new Redacted(access_token));

  world.secretsManager.inject('throttle', { operation: 'Sign' });
  expect(await refusal(process.token({ rejected }))).toMatchObject({
    error: 'secret_unavailable',
    retry_after: 5,
  });
  expect(await process.grant()).toMatchObject({ status: 'active', attempts: [] });
  world.secretsManager.heal();
  expect((await process.token({ rejected })).access_token).not.toBe(access_token);
  expect(await process.revoke()).toMatchObject({ vendor: 'revoked' });
});

test('a key that does not sign so is told, and the server is not asked', async () => {
  const connection = await connect('ES256', { signing_alg: 'RS256' });
  const process = world.process(connection);
  expect(await refusal(process.token())).toMatchObject({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(/cannot sign by RS256/),
  });
  const asked = process.events.filter((event) => event.type === 'vendor_call' && event.purpose === 'mint');
  expect(asked).toEqual([]);
});

test('a service account signs its grant by KMS too', async () => {
  const vendor = await startHttpPeer();
  vendor.replyWith((response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"access_token":"a","token_type":"Bearer"}');
  });
  const token_endpoint = `${vendor.origin}/token`;
  const members = {
    vendor: 'custom',
    token_endpoint,
    grant: JWT_BEARER_GRANT,
    signing: 'kms',
    signing_alg: 'ES384',
  };
  const secret = { client_id: 'robot', kms_key_id: keys.ES384.id, key_id: 'k1' };
  const connection = await world.connect({ ...members, assertion_claims: { sub: 'ada' } }, secret);
  expect(await world.process(connection).token()).toMatchObject({ access_token: 'a' });
  const { assertion = '' } = vendor.received[0]!.parameters;
  const { payload, protectedHeader } = await jwtVerify(assertion, keys.ES384.publicKey, {
    currentDate: new Date(world.clock.now()),
  });
  expect(protectedHeader).toEqual({ alg: 'ES384', typ: 'JWT', kid: 'k1' });
  expect(payload).toMatchObject({ iss: 'robot', sub: 'ada', aud: token_endpoint });
  await vendor.close();
});

test('a secret that names no key is told with what belongs there', async () => {
  const connection = await connect('RS256');
  await world.putSecret(connection, { client_id: 'kms-RS256', private_key: 'canary' });
  const refused = await refusal(world.process(connection).token());
  expect(refused).toMatchObject({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(
      /kms_key_id is missing.* by KMS it must be JSON \{"client_id", "kms_key_id"/,
    ),
  });
});
