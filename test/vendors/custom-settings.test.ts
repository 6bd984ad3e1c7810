/** What a connection of `custom` says of its server, as the server sees it. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { decodeJwt, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConnections } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { brokerWorld, refusal } from '../support/broker.ts';
import { grantProcess } from '../support/grants.ts';
import { type HttpPeer, json, startHttpPeer, text } from '../support/http-peer.ts';

const world = brokerWorld();

let peer: HttpPeer;
beforeEach(async () => {
  peer = await startHttpPeer();
  answer({ access_token: randomUUID(), token_type: 'bearer', expires_in: 3_600 });
});
afterEach(() => peer.close());

const answer = (body: object) => peer.replyWith(json(200, body));
const secret = { client_id: 'client', client_secret: 'secret' };
const sent = () => peer.received[0]!;

function connect(members: object, value: object = secret) {
  const base = {
    vendor: 'custom',
    token_endpoint: `${peer.origin}/token`,
    client_auth: 'client_secret_post',
  };
  return world.connect({ ...base, ...members }, value);
}

const VOUCHED = { client_auth: 'aws_web_identity', client_id: 'client' };
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

const token = async (members: object, value?: object) => world.process(await connect(members, value)).token();

test('token_params go with every token request, a name with several values too', async () => {
  await token({
    token_params: { audience: 'https://api.example', resource: ['https://a.example', 'https://b.example'] },
  });
  const form = new URLSearchParams(sent().body);
  expect(form.get('audience')).toBe('https://api.example');
  expect(form.getAll('resource')).toEqual(['https://a.example', 'https://b.example']);
  expect(form.get('grant_type')).toBe('client_credentials');
});

test('a token for one audience is not served for another', async () => {
  const first = await connect({ token_params: { audience: 'one' } });
  const { access_token } = await world.process(first).token();
  answer({ access_token: 'another', token_type: 'bearer' });
  const changed = { ...first, server: { tokenParams: { audience: 'two' } } };
  expect((await world.process(changed).token()).access_token).not.toBe(access_token);
});

test('default_lifetime is believed where the answer names none', async () => {
  answer({ access_token: 'x', token_type: 'bearer' });
  expect((await token({ default_lifetime: 1_800 })).expires_in).toBeGreaterThan(1_790);
});

test('scope_separator stands between scopes that are sent, and is read in the answer', async () => {
  answer({ access_token: 'x', token_type: 'bearer', scope: 'a,b' });
  expect(await token({ scope_separator: ',', scope: 'a b' })).toMatchObject({ scope: 'a b' });
  expect(sent().parameters.scope).toBe('a,b');
});

test('token_member is where the token stands', async () => {
  answer({ ok: true, authed_user: { access_token: 'inner', token_type: 'user', scope: 'read' } });
  const connection = await connect({ token_member: 'authed_user' });
  await expect(world.process(connection).token()).rejects.toMatchObject({ code: 'vendor_rejected' });
  answer({ ok: true, authed_user: { access_token: 'inner', token_type: 'bearer' } });
  world.clock.advance(60_000);
  expect(await world.process(connection).token()).toMatchObject({ access_token: 'inner' });
});

test('body_encoding is that of the request', async () => {
  await token({ body_encoding: 'json' });
  expect(JSON.parse(sent().body)).toMatchObject({ grant_type: 'client_credentials', client_id: 'client' });
});

test.each([
  ['issuer', 'https://issuer.example'],
  ['token_endpoint', undefined],
])('assertion_audience %s is what an assertion is for', async (assertion_audience, audience) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const members = { client_auth: 'private_key_jwt', issuer: 'https://issuer.example', assertion_audience };
  await token(members, { client_id: 'client', private_key });
  expect(decodeJwt(sent().parameters.client_assertion!).aud).toBe(audience ?? `${peer.origin}/token`);
});

describe('a service account whose assertion is the grant', () => {
  const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const account = {
    client_id: 'robot@project.example',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    key_id: 'k1',
  };
  const verified = (jwt: string) => jwtVerify(jwt, publicKey, { currentDate: new Date(world.clock.now()) });

  test('jwt-bearer sends one that is signed by its key, and nothing else of it', async () => {
    expect(await token({ grant: JWT_BEARER, client_auth: undefined, scope: 'a b' }, account)).toMatchObject({
      source: 'vendor',
    });
    const { assertion, ...rest } = sent().parameters;
    expect(rest).toEqual({ grant_type: JWT_BEARER, scope: 'a b' });
    const { payload, protectedHeader } = await verified(assertion!);
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'k1', typ: 'JWT' });
    const who = { iss: account.client_id, sub: account.client_id, aud: `${peer.origin}/token` };
    expect(payload).toMatchObject({ ...who, scope: 'a b', jti: expect.any(String) });
    expect(payload.exp! - payload.iat!).toBe(60);
  });

  test('assertion_claims say for whom, to whom, and what else the server asks', async () => {
    const assertion_claims = { sub: 'ada@example.com', aud: 'https://login.example', box_sub_type: 'user' };
    await token({ grant: JWT_BEARER, client_auth: undefined, assertion_claims }, account);
    const { payload } = await verified(sent().parameters.assertion!);
    expect(payload).toMatchObject({ iss: account.client_id, ...assertion_claims });
  });

  test('a client that has a secret beside its key sends both', async () => {
    await token({ grant: JWT_BEARER }, { ...account, client_secret: 'secret' });
    expect(sent().parameters).toMatchObject({
      client_id: account.client_id,
      client_secret: 'secret',
      assertion: expect.any(String),
    });
  });

  test('each attempt has an assertion of its own, and its text is quoted nowhere', async () => {
    peer.replyWith(text(503, ''), (response, { parameters }) =>
      json(400, { error: 'invalid_grant', error_description: parameters.assertion })(
        response,
        peer.received[0]!,
      ),
    );
    const connection = await connect({ grant: JWT_BEARER, client_auth: undefined }, account);
    const error = await refusal(world.process(connection).token());
    const [first, second] = peer.received.map(({ parameters }) => parameters.assertion!);
    expect((await verified(first!)).payload.jti).not.toBe((await verified(second!)).payload.jti);
    expect(JSON.stringify(error)).not.toContain(second);
  });

  test('token-exchange presents it as subject token', async () => {
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    await token({ grant, client_auth: undefined, token_params: { audience: 'api' } }, account);
    const { subject_token, ...rest } = sent().parameters;
    expect(rest).toEqual({
      grant_type: grant,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: 'api',
    });
    expect((await verified(subject_token!)).payload.sub).toBe(account.client_id);
  });

  test('without a key its secret is told to be malformed', async () => {
    const connection = await connect({ grant: JWT_BEARER, client_auth: undefined }, { client_id: 'robot' });
    expect(await refusal(world.process(connection).token())).toMatchObject({
      error: 'secret_unavailable',
      error_description: expect.stringContaining('private_key is missing'),
    });
  });

  test('it acts for itself: it has no subjects and needs no consent', async () => {
    const process = grantProcess(
      world,
      await connect({ grant: JWT_BEARER, client_auth: undefined }, account),
    );
    expect(await refusal(process.token({ subject: 'ada' }))).toMatchObject({ error: 'invalid_request' });
    expect(await refusal(process.begin())).toMatchObject({ error: 'invalid_request' });
  });
});

test('grant_type is what the server calls client credentials', async () => {
  await token({ grant_type: 'account_credentials', token_params: { account_id: '1' } });
  expect(sent().parameters).toMatchObject({ grant_type: 'account_credentials', account_id: '1' });
});

test('token_headers go with token requests', async () => {
  await token({ token_headers: { 'api-version': '2' } });
  expect(sent().headers['api-version']).toBe('2');
});

test('params are what callers may send, and each value has a token of its own', async () => {
  const process = world.process(await connect({ params: ['account'] }));
  const one = await process.token({ params: { account: '1' } });
  expect(sent().parameters.account).toBe('1');
  answer({ access_token: 'of-account-2', token_type: 'bearer' });
  expect((await process.token({ params: { account: '2' } })).access_token).toBe('of-account-2');
  expect((await process.token({ params: { account: '1' } })).access_token).toBe(one.access_token);
  expect(await refusal(process.token({ params: { other: '1' } }))).toMatchObject({
    error: 'invalid_request',
    error_description: expect.stringContaining('Allowed: account'),
  });
});

test.each([
  [{}, [undefined], ['refresh-2']],
  [{ scope_on_refresh: true, revoke_access_tokens: true }, ['a'], ['refresh-2', 'access-2']],
])('with %j a refresh names %j, and a revocation ends %j', async (settings, scopes, ended) => {
  const given = (n: number) => ({
    access_token: `access-${n}`,
    refresh_token: `refresh-${n}`,
    token_type: 'bearer',
  });
  const device = {
    device_code: 'code',
    user_code: 'ABC',
    verification_uri: `${peer.origin}/go`,
    expires_in: 60,
  };
  const bodies = [{ ...device, interval: 1 }, given(1), given(2), {}];
  peer.replyWith(...bodies.map((body) => json(200, body)));
  const connection = await connect({
    grant: 'urn:ietf:params:oauth:grant-type:device_code',
    device_authorization_endpoint: `${peer.origin}/device`,
    revocation_endpoint: `${peer.origin}/revoke`,
    scope: 'a',
    ...settings,
  });
  const process = grantProcess(world, connection);
  const { consent } = await process.begin();
  world.clock.advance(2_000);
  expect(await process.proceed(consent)).toEqual({ status: 'granted' });
  world.clock.advance(300_000);
  await process.token();
  await process.revoke();
  const of = (key: string, name: string) =>
    peer.received.flatMap(({ parameters }) => (parameters[key] === undefined ? [] : [parameters[name]]));
  expect(of('refresh_token', 'scope')).toEqual(scopes);
  expect(of('token', 'token').sort()).toEqual([...ended].sort());
});

test('pkce: false sends no challenge', async () => {
  const members = {
    grant: 'authorization_code',
    authorization_endpoint: `${peer.origin}/authorize`,
    scope: 'a b',
    scope_separator: ',',
  };
  const urlOf = async (more: object) => {
    const { authorization_url } = await grantProcess(world, await connect({ ...members, ...more })).start();
    return new URL(authorization_url!).searchParams;
  };
  expect((await urlOf({})).get('code_challenge_method')).toBe('S256');
  expect((await urlOf({ pkce: false })).has('code_challenge')).toBe(false);
  expect((await urlOf({})).get('scope')).toBe('a,b');
});

test('a refresh that ends the token before it, a grace window and statuses are taken from the connection', async () => {
  const connection = await connect({
    refresh_kills_access_token: true,
    grace_window: 60,
    rejection_statuses: [401, 403],
  });
  expect(VENDORS.custom!.adapted!(connection)).toMatchObject({
    refreshKillsAccessToken: true,
    graceWindow: 60,
    rejectionStatuses: [401, 403],
  });
  expect(await grantProcess(world, connection).describe()).toMatchObject({ rejection_statuses: [401, 403] });
});

test.each([
  [
    { token_params: { grant_type: 'x' } },
    /token_params\.grant_type.*any parameter but those that the broker sets/s,
  ],
  [{ token_params: { audience: 5 } }, /token_params\.audience/],
  [{ scope_separator: ';' }, /scope_separator/],
  [{ rejection_statuses: [200] }, /from 400 to 499/],
  [{ minimum_refresh_age: 300 }, /minimum_refresh_age.*only with grants that have refresh tokens/s],
  [{ minimum_refresh_age: -1 }, /minimum_refresh_age.*from 0 to 86400/s],
  [{ assertion_audience: 'issuer' }, /only with client_auth "private_key_jwt"/],
  [{ signing: 'kms' }, /signing\b.*only with client_auth "private_key_jwt", or an assertion grant/s],
  [{ serve_jwks: true }, /serve_jwks.*only with client_auth "private_key_jwt", or an assertion grant/s],
  [{ client_auth: 'client_secret_jwt', serve_jwks: true }, /serve_jwks.*only with/s],
  [{ client_auth: 'private_key_jwt', serve_jwks: 'yes' }, /serve_jwks.*true or false/s],
  [{ client_auth: 'private_key_jwt', signing: 'hsm' }, /one of "private_key", "kms"/],
  [{ client_auth: 'private_key_jwt', signing_alg: 'ES256' }, /signing_alg.*only with "signing": "kms"/s],
  [
    { client_auth: 'private_key_jwt', signing: 'kms', signing_alg: 'HS256' },
    /one of "RS256", "PS256", "ES256", "ES384"/,
  ],
  [
    {
      vendor: 'bugfender',
      token_endpoint: undefined,
      client_auth: 'private_key_jwt',
      signing: 'kms',
      signing_alg: 'ES256',
    },
    /signing_alg.*"RS256": Bugfender takes no other/s,
  ],
  [
    { client_id: 'canary' },
    /client_id\n.*present\n.*only with client_auth "aws_web_identity": else .* secret/s,
  ],
  [{ identity_audience: 'x' }, /identity_audience.*only with client_auth "aws_web_identity"/s],
  [{ client_auth: 'aws_web_identity' }, /client_id.*missing.*required with client_auth "aws_web_identity"/s],
  [{ ...VOUCHED, secret: 'token-broker/it' }, /secret\n.*nothing: with client_auth "aws_web_identity" none/s],
  [{ ...VOUCHED, token_endpoint: undefined }, /identity_audience.*neither "issuer" nor "token_endpoint"/s],
  [{ ...VOUCHED, identity_audience: 'a b' }, /printable ASCII without space and \$/],
  [{ ...VOUCHED, identity_audience: 'api://$x' }, /printable ASCII without space and \$/],
  [{ ...VOUCHED, signing_alg: 'ES256' }, /signing_alg.*with "aws_web_identity": "RS256", "ES384"/s],
  [{ ...VOUCHED, signing: 'kms' }, /signing\b.*only with client_auth "private_key_jwt"/s],
  [{ ...VOUCHED, serve_jwks: true }, /serve_jwks.*only with client_auth "private_key_jwt"/s],
  [
    { ...VOUCHED, assertion_audience: 'issuer' },
    /assertion_audience.*only with client_auth "private_key_jwt"/s,
  ],
  [
    { ...VOUCHED, grant: TOKEN_EXCHANGE, assertion_claims: { sub: 'x' } },
    /assertion_claims.*key of the client/s,
  ],
  [{ ...VOUCHED, grant: TOKEN_EXCHANGE, signing: 'kms' }, /signing\b.*only with/s],
  [
    { ...VOUCHED, vendor: 'bits', token_endpoint: undefined, scope: 'application' },
    /client_auth.*with vendor "bits": "client_secret_basic_raw"/s,
  ],
  [{ assertion_claims: { sub: 'x' } }, /only with the grants "…:jwt-bearer"/],
  [
    { grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion_claims: { exp: '1' } },
    /assertion_claims\.exp.*any claim but "exp", "iat", "nbf", "jti", "scope"/s,
  ],
  [
    { grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion_claims: { scope: 'admin' } },
    /assertion_claims\.scope/,
  ],
  [{ token_headers: { Authorization: 'x' } }, /token_headers\.Authorization.*any header but/s],
  [{ token_headers: { 'a b': 'x' } }, /the name of a header/],
  [{ params: ['grant_type'] }, /params\[0\]/],
  [{ scope_on_refresh: true }, /only with grants that have refresh tokens/],
  [{ revoke_access_tokens: true }, /only with grants that have refresh tokens/],
  [
    { grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer', grant_type: 'x' },
    /only with grant "client_credentials"/,
  ],
  [
    { grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer', refresh: 'on_use' },
    /only with grants that have refresh/,
  ],
  [
    { vendor: 'bugsplat', scope: 'symbols', pkce: false, token_endpoint: undefined },
    /pkce.*nothing: vendor "bugsplat"/s,
  ],
])('%j is refused with what is allowed', (members, message) => {
  const entry = { vendor: 'custom', token_endpoint: 'https://as.example/token', ...members };
  const options = { vendors: VENDORS, allowLoopbackHttp: false };
  expect(() => parseConnections({ connections: { it: JSON.parse(JSON.stringify(entry)) } }, options)).toThrow(
    message,
  );
});
