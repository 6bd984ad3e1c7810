import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { importPKCS8, type JWTHeaderParameters, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { CALLBACK, credentials, decide, getWith, OOB, postForm, postJson, simulation } from './support.ts';

const context = simulation();
const tokenUrl = () => `${context.vendors.bugfender.origin}/auth/token`;
const token = (parameters: Record<string, string>) => postForm(tokenUrl(), parameters);

describe('a service account with a secret', () => {
  const asked = { grant_type: 'client_credentials', ...credentials('bugfender-service') };

  test('gets an opaque bearer token and no refresh token', async () => {
    const { status, body } = await token(asked);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'token_type']);
    expect(body).toMatchObject({ token_type: 'bearer', expires_in: 3600 });
    expect(body.access_token).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const api = await getWith(`${context.vendors.bugfender.origin}/api/app/`, body.access_token);
    expect(api.status).toBe(200);
  });

  test.each([
    ['a wrong secret', { client_secret: 'wrong' }, 'client_secret is missing or wrong.'],
    ['an unknown client', { client_id: 'nobody' }, 'client_id is missing or unknown.'],
  ])('%s is refused', async (_, change, description) => {
    const { status, body } = await token({ ...asked, ...change });
    expect(status).toBe(401);
    expect(body).toEqual({ error: 'invalid_client', error_description: description });
  });

  test('a JSON body is refused, and so is an authorization code', async () => {
    expect((await postJson(tokenUrl(), asked)).body.error).toBe('invalid_request');
    const { body } = await token({ ...asked, grant_type: 'authorization_code' });
    expect(body.error).toBe('unauthorized_client');
  });

  test('an address outside the allow-list is refused, and one inside is not', async () => {
    const { bugfender } = context.vendors;
    bugfender.set({ allow_list: ['10.0.0.0/8', '2001:db8::/32'] });
    const refused = await token(asked);
    expect(refused.status).toBe(403);
    expect(refused.body.error_description).toBe('The address 127.0.0.1 is not on the allow-list.');
    bugfender.set({ allow_list: ['10.0.0.0/8', '127.0.0.0/8'] });
    expect((await token(asked)).status).toBe(200);
  });
});

describe('a service account with a key', () => {
  const { client_id } = credentials('bugfender-key');
  let privateKey = '';

  beforeAll(async () => {
    const secrets = await context.vendors.bugfender.clientSecrets();
    privateKey = secrets['bugfender-key']?.private_key ?? '';
  });

  interface Changes {
    claims?: Record<string, unknown>;
    header?: JWTHeaderParameters;
    key?: string;
  }

  async function assertion({ claims = {}, header = { alg: 'RS256' }, key = privateKey }: Changes = {}) {
    const now = context.clock.now() / 1000;
    const good = {
      iss: client_id,
      sub: client_id,
      aud: tokenUrl(),
      iat: now,
      exp: now + 60,
      jti: randomUUID(),
    };
    return new SignJWT({ ...good, ...claims })
      .setProtectedHeader(header)
      .sign(await importPKCS8(key, header.alg));
  }

  const present = (client_assertion: string, changes: Record<string, string> = {}) =>
    token({
      grant_type: 'client_credentials',
      client_id,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion,
      ...changes,
    });

  const seconds = () => context.clock.now() / 1000;
  const other = () =>
    generateKeyPairSync('rsa', { modulusLength: 2048 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();

  test('gets a token for an assertion of a minute and of exactly two', async () => {
    expect((await present(await assertion())).status).toBe(200);
    expect((await present(await assertion({ claims: { exp: seconds() + 120 } }))).status).toBe(200);
  });

  test('may give an nbf in the future, as the vendor has it', async () => {
    expect((await present(await assertion({ claims: { nbf: seconds() + 5 } }))).status).toBe(200);
  });

  const rules: [string, () => Changes, RegExp][] = [
    ['a life of more than two minutes', () => ({ claims: { exp: seconds() + 121 } }), /longer than 120/],
    [
      'an old iat that makes the life longer',
      () => ({ claims: { iat: seconds() - 90, exp: seconds() + 60 } }),
      /longer than 120/,
    ],
    ['an iat in the future', () => ({ claims: { iat: seconds() + 60, exp: seconds() + 90 } }), /iat is in/],
    ['an expired assertion', () => ({ claims: { iat: seconds() - 60, exp: seconds() } }), /expired/],
    ['no exp', () => ({ claims: { exp: undefined } }), /iat and exp/],
    [
      'an audience that is the issuer',
      () => ({ claims: { aud: context.vendors.bugfender.origin } }),
      /aud must/,
    ],
    ['an iss that is not the client', () => ({ claims: { iss: 'someone' } }), /iss and sub/],
    ['a sub that is not the iss', () => ({ claims: { sub: 'someone' } }), /iss and sub/],
    ['an nbf that is now', () => ({ claims: { nbf: seconds() } }), /nbf/],
    ['no jti', () => ({ claims: { jti: undefined } }), /jti is missing/],
    ['another algorithm', () => ({ header: { alg: 'PS256' } }), /RS256/],
    ["another client's key", () => ({ key: other() }), /RS256/],
  ];
  test.each(rules)('%s is refused', async (_, changes, description) => {
    const { status, body } = await present(await assertion(changes()));
    expect(status).toBe(401);
    expect(body.error).toBe('invalid_client');
    expect(body.error_description).toMatch(description);
  });

  test('the same assertion is not accepted twice', async () => {
    const once = await assertion();
    expect((await present(once)).status).toBe(200);
    expect((await present(once)).body.error_description).toContain('jti has been used already');
  });

  test('a missing client_id, a wrong assertion type and a secret instead are refused', async () => {
    expect((await present(await assertion(), { client_id: '' })).body.error).toBe('invalid_client');
    const mistyped = await present(await assertion(), { client_assertion_type: 'jwt' });
    expect(mistyped.body.error_description).toContain('client_assertion_type must be');
    const secret = await token({ grant_type: 'client_credentials', client_id, client_secret: 'guess' });
    expect(secret.body.error_description).toBe('This client proves itself with an assertion.');
  });
});

describe('an integration', () => {
  const client = credentials('bugfender-integration');
  const authorizationUrl = (changes: Record<string, string> = {}) => {
    const url = new URL('/auth/authorize', context.vendors.bugfender.origin);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: CALLBACK,
      state: 'a state & more',
      scope: 'all',
      ...changes,
    }).toString();
    return url;
  };
  const code = async () => (await decide(authorizationUrl())).searchParams.get('code') ?? '';
  const exchange = (codeValue: string, redirect_uri = CALLBACK) =>
    token({ grant_type: 'authorization_code', code: codeValue, redirect_uri, ...client });
  const refresh = (refresh_token: unknown, redirect_uri = CALLBACK) =>
    token({ grant_type: 'refresh_token', refresh_token: String(refresh_token), redirect_uri, ...client });

  test('sends the person back with code and state, and gets both tokens', async () => {
    const location = await decide(authorizationUrl());
    expect(`${location.origin}${location.pathname}`).toBe(CALLBACK);
    expect(location.searchParams.get('state')).toBe('a state & more');
    const { status, body } = await exchange(location.searchParams.get('code') ?? '');
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'bearer', expires_in: 3600 });
    expect(body.refresh_token).toMatch(/^[0-9a-f-]{36}$/);
    const api = await getWith(`${context.vendors.bugfender.origin}/api/app/`, body.access_token);
    expect(api.body).toMatchObject({ owner: 'user:ada', scope: 'all' });
  });

  test('is told of a denial', async () => {
    const location = await decide(authorizationUrl(), 'deny');
    expect(location.searchParams.get('error')).toBe('access_denied');
    expect(location.searchParams.get('state')).toBe('a state & more');
    expect(location.searchParams.has('code')).toBe(false);
  });

  test('can have the code shown on a page', async () => {
    const url = String(authorizationUrl({ redirect_uri: OOB }));
    const shown = await postForm(url, { decision: 'approve' });
    const [, value = ''] = /<code>([^<]+)<\/code>/.exec(shown.text) ?? [];
    expect((await exchange(value, OOB)).status).toBe(200);
    expect((await postForm(url, { decision: 'deny' })).text).toContain('Nothing was allowed');
  });

  test.each([
    ['an unknown client', { client_id: '<script>alert(1)</script>' }],
    ['an unregistered redirect URI', { redirect_uri: 'http://127.0.0.1:8787/callback/' }],
    ['a redirect URI on another host', { redirect_uri: 'http://127.0.0.1:1@evil.example/callback' }],
  ])('%s gets a page and no redirect', async (_, changes) => {
    const { status, headers, text } = await postForm(String(authorizationUrl(changes)), {
      decision: 'approve',
    });
    expect(status).toBe(400);
    expect(headers.has('location')).toBe(false);
    expect(text).not.toContain('<script');
  });

  test.each([
    ['unsupported_response_type', { response_type: 'token' }],
    ['invalid_scope', { scope: 'everything' }],
  ])('%s is told to the client', async (error, changes) => {
    const location = await decide(authorizationUrl(changes));
    expect(location.searchParams.get('error')).toBe(error);
  });

  test('a code works once', async () => {
    const value = await code();
    expect((await exchange(value)).status).toBe(200);
    expect((await exchange(value)).body.error_description).toBe('The code has been used already.');
    expect(context.vendors.bugfender.counters.snapshot().code_exchanges).toBe(1);
  });

  test('a code that comes again ends the grant where reuse is detected', async () => {
    context.vendors.bugfender.set({ reuse_detection: true });
    const value = await code();
    const { refresh_token } = (await exchange(value)).body;
    await exchange(value);
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
  });

  test('a code works for a minute', async () => {
    const value = await code();
    context.clock.advance(60);
    expect((await exchange(value)).body.error_description).toBe('The code has expired.');
  });

  test('a code works only with its own redirect URI', async () => {
    expect((await exchange(await code(), OOB)).body.error).toBe('invalid_grant');
  });

  test('a refresh rotates, and the old refresh token is dead', async () => {
    const first = (await exchange(await code())).body;
    const second = (await refresh(first.refresh_token)).body;
    expect(second.refresh_token).toMatch(/^[0-9a-f-]{36}$/);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(second.refresh_token)).status).toBe(200);
    expect(context.vendors.bugfender.counters.snapshot()).toMatchObject({ refreshes: 2, family_burns: 0 });
  });

  test('a refresh leaves the old access token alive', async () => {
    const first = (await exchange(await code())).body;
    await refresh(first.refresh_token);
    expect(context.vendors.bugfender.isLive(String(first.access_token))).toBe(true);
  });

  test('without rotation the answer names no refresh token, and the old one goes on', async () => {
    context.vendors.bugfender.set({ rotate: false });
    const { refresh_token } = (await exchange(await code())).body;
    expect((await refresh(refresh_token)).body).not.toHaveProperty('refresh_token');
    expect((await refresh(refresh_token)).status).toBe(200);
  });

  test('a refresh needs the redirect URI of the consent', async () => {
    const { refresh_token } = (await exchange(await code())).body;
    expect((await refresh(refresh_token, '')).body.error_description).toBe('redirect_uri is missing.');
    expect((await refresh(refresh_token, OOB)).body.error).toBe('invalid_grant');
    expect((await refresh(refresh_token)).status).toBe(200);
  });
});
