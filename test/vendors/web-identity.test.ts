/** Clients without any secret: AWS vouches for the broker, and a server that trusts AWS verifies it. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TOKEN_EXCHANGE_GRANT } from '../../shared/connections/connection.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { brokerWorld, counted, refusal } from '../support/broker.ts';
import { type FederatingServer, startFederatingServer } from '../support/federating-server.ts';
import { grantProcess, redirecting } from '../support/grants.ts';
import { json, startHttpPeer } from '../support/http-peer.ts';

const world = brokerWorld();
const ROLE = 'arn:aws:iam::000000000000:user/local';

let server: FederatingServer;
beforeAll(async () => {
  server = await startFederatingServer(world.origins.secretsManager, ROLE);
});
afterAll(() => server.close());
beforeEach(() => world.secretsManager.heal());

const connect = (members: object = {}) =>
  world.connect({
    vendor: 'custom',
    token_endpoint: `${server.front.origin}/token`,
    client_auth: 'aws_web_identity',
    client_id: 'basic',
    scope: 'read',
    ...members,
  });

test.each(['RS256', 'ES384'])('a client gets a token for one word of AWS’s, by %s', async (signing_alg) => {
  const process = world.process(await connect({ signing_alg }));
  const operations = await counted(world.secretsManager, async () => {
    expect(await process.token()).toMatchObject({ source: 'vendor', scope: 'read' });
    expect(await process.token()).toMatchObject({ source: 'memory' });
  });
  // Beside what seals the token, nothing is read.
  expect(operations).toEqual({ GetWebIdentityToken: 1, GetSecretValue: 1 });
  const { client_assertion = '' } = server.front.received.at(-1)!.parameters;
  const { iat = 0, exp } = decodeJwt(client_assertion);
  expect(exp).toBe(iat + 60);
  expect(client_assertion.split('.').map((part) => Buffer.from(part, 'base64url').toString())[0]).toContain(
    `"alg":"${signing_alg}"`,
  );
});

test('a token for another audience is refused, which is remembered, and nothing else is tried', async () => {
  const process = world.process(await connect({ identity_audience: 'https://another.example' }));
  const operations = await counted(world.secretsManager, async () => {
    for (let time = 0; time < 2; time++)
      expect(await refusal(process.token())).toMatchObject({ error: 'vendor_rejected' });
  });
  // The one secret is the keyring, which every process reads beside its first item.
  expect(operations).toEqual({ GetSecretValue: 1, GetWebIdentityToken: 1 });
});

test('a person consents, and while AWS does not vouch the grant is not held to account for it', async () => {
  const connection = await connect({
    client_id: 'person',
    issuer: server.provider.issuer,
    identity_audience: `${server.front.origin}/token`,
    grant: 'authorization_code',
    authorization_endpoint: `${server.provider.issuer}/auth`,
    revocation_endpoint: `${server.front.origin}/token/revocation`,
    scope: 'offline_access read',
    redirect_uri: server.provider.redirectUri,
    authorize_params: { prompt: 'consent' },
  });
  const process = grantProcess(world, connection);
  const { authorization_url } = redirecting(await process.start());
  const back = await server.provider.approve(authorization_url);
  expect(await process.callback(back)).toMatchObject({ kind: 'connected' });
  const { access_token } = await process.token();
  const rejected = fingerprint(new Redacted(access_token));

  world.secretsManager.inject('throttle', { operation: 'GetWebIdentityToken' });
  expect(await refusal(process.token({ rejected }))).toMatchObject({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(/AWS does not vouch for the broker: STS did not answer/),
    retry_after: 5,
  });
  expect(await process.grant()).toMatchObject({ status: 'active', attempts: [] });
  world.secretsManager.heal();
  expect((await process.token({ rejected })).access_token).not.toBe(access_token);
  expect(await process.revoke()).toMatchObject({ vendor: 'revoked' });
});

test('in a token exchange the word of AWS is the subject, and is not said twice', async () => {
  const exchange = await startHttpPeer();
  exchange.replyWith(json(200, { access_token: 'a', token_type: 'Bearer' }));
  const token_endpoint = `${exchange.origin}/token`;
  const identity_audience = 'api://exchange';
  const grant = TOKEN_EXCHANGE_GRANT;
  const connection = await connect({ token_endpoint, identity_audience, grant });
  const operations = await counted(world.secretsManager, async () => {
    expect(await world.process(connection).token()).toMatchObject({ access_token: 'a' });
  });
  expect(operations.GetWebIdentityToken).toBe(1);
  const { parameters } = exchange.received[0]!;
  expect(parameters).toMatchObject({
    client_id: 'basic',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  });
  expect(parameters).not.toHaveProperty('client_assertion');
  expect(decodeJwt(parameters.subject_token!)).toMatchObject({ sub: ROLE, aud: identity_audience });
  await exchange.close();
});

test('a token of one client is not served to another', async () => {
  const connection = await connect();
  const { access_token } = await world.process(connection).token();
  const changed = { ...connection, webIdentity: { ...connection.webIdentity!, clientId: 'post' } };
  expect((await world.process(changed).token()).access_token).not.toBe(access_token);
  expect(await world.process(connection).token()).toMatchObject({ access_token, source: 'table' });
});

test('where no secret is stored, the connection says so', async () => {
  expect(await grantProcess(world, await connect()).describe()).toMatchObject({
    client_auth: 'aws_web_identity',
  });
});
