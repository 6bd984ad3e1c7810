import { describe, expect, test } from 'vitest';
import {
  CALLBACK,
  credentials,
  decide,
  getWith,
  postForm,
  postJson,
  postMultipart,
  simulation,
} from './support.ts';

const context = simulation();
const at = (path: string) => context.vendors.bipsync.origin + path;
const token = (parameters: Record<string, string>) => postForm(at('/v1/oauth/token'), parameters);
const isLive = async (accessToken: unknown) => (await getWith(at('/v1/me'), accessToken)).status === 200;

describe('client credentials', () => {
  const asked = {
    grant_type: 'client_credentials',
    ...credentials('bipsync-team'),
    scope: 'team_42 research:read',
  };

  test('give a token for the team', async () => {
    const { status, body } = await token(asked);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'token_type']);
    expect(body).toMatchObject({ token_type: 'bearer', expires_in: 3600 });
    const me = await getWith(at('/v1/me'), body.access_token);
    expect(me.body).toMatchObject({ owner: 'team:42', scope: 'team_42 research:read' });
  });

  test('may be asked for in JSON, but not in multipart', async () => {
    expect((await postJson(at('/v1/oauth/token'), asked)).status).toBe(200);
    expect((await postMultipart(at('/v1/oauth/token'), asked)).body.error).toBe('invalid_request');
  });

  test.each([[undefined], [[]], ['text'], [{ ...asked, scope: 42 }]])(
    'the JSON body %j is refused',
    async (body) => {
      const { status } = await postJson(at('/v1/oauth/token'), body);
      expect(status).toBe(400);
    },
  );

  test.each([
    ['without a team', 'research:read'],
    ["for somebody else's team", 'team_7'],
    ['with an empty scope', ''],
  ])('%s are refused', async (_, scope) => {
    const { status, body } = await token({ ...asked, scope });
    expect(status).toBe(400);
    expect(body.error).toBe('invalid_scope');
  });

  test('are refused to public clients and to others that are not registered for them', async () => {
    const kiosk = { ...asked, ...credentials('bipsync-kiosk'), client_secret: '' };
    expect((await token(kiosk)).body.error).toBe('invalid_client');
    expect((await token({ ...asked, ...credentials('bipsync-user') })).body.error).toBe(
      'unauthorized_client',
    );
    context.vendors.bipsync.registerClient({
      clientId: 'public',
      grants: ['client_credentials'],
      scopes: ['team_42'],
    });
    const { body } = await token({ grant_type: 'client_credentials', client_id: 'public', scope: 'team_42' });
    expect(body.error_description).toBe('A public client has no credentials.');
  });

  test('in an Authorization header are refused', async () => {
    const { client_id, client_secret = '', ...rest } = asked;
    const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
    expect((await postForm(at('/v1/oauth/token'), rest, { authorization })).body.error).toBe(
      'invalid_client',
    );
  });
});

describe('a grant', () => {
  const client = credentials('bipsync-user');
  const refresh = (refresh_token: string, more: Record<string, string> = {}) =>
    token({ grant_type: 'refresh_token', refresh_token, ...client, ...more });
  const issue = () =>
    context.vendors.bipsync.issueGrant({
      clientId: client.client_id,
      owner: 'user:ada',
      scopes: ['research:read', 'research:write'],
    });

  test('is refreshed by killing the old refresh token and the old access token at once', async () => {
    const old = issue();
    expect(await isLive(old.access_token)).toBe(true);
    const { status, body } = await refresh(old.refresh_token);
    expect(status).toBe(200);
    expect(body.refresh_token).toMatch(/^def50200[0-9a-f]+$/);
    expect(await isLive(old.access_token)).toBe(false);
    expect(await isLive(body.access_token)).toBe(true);
    expect((await refresh(old.refresh_token)).body.error).toBe('invalid_grant');
    expect(await isLive(body.access_token)).toBe(true);
  });

  test('is refreshed for less than was granted, never for more, and asking for more spends nothing', async () => {
    const { refresh_token } = issue();
    const wider = await refresh(refresh_token, { scope: 'research:read team_42' });
    expect(wider.status).toBe(400);
    expect(wider.body.error).toBe('invalid_scope');
    const narrower = await refresh(refresh_token, { scope: 'research:read' });
    expect((await getWith(at('/v1/me'), narrower.body.access_token)).body.scope).toBe('research:read');
  });

  test('is not refreshed by another client', async () => {
    const { refresh_token } = issue();
    const { body } = await token({
      grant_type: 'refresh_token',
      refresh_token,
      ...credentials('bipsync-kiosk'),
    });
    expect(body.error).toBe('invalid_grant');
    expect((await refresh(refresh_token)).status).toBe(200);
  });

  test('is burnt whole when a spent refresh token comes again and reuse is detected', async () => {
    const { bipsync } = context.vendors;
    bipsync.set({ reuse_detection: true });
    const { refresh_token } = issue();
    const next = (await refresh(refresh_token)).body;
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
    expect(await isLive(next.access_token)).toBe(false);
    expect((await refresh(String(next.refresh_token))).body.error).toBe('invalid_grant');
    expect(bipsync.counters.snapshot()).toMatchObject({ refreshes: 1, family_burns: 1 });
  });

  test('gives the live successor to a spent refresh token within the grace window, and burns after it', async () => {
    const { bipsync } = context.vendors;
    bipsync.set({ reuse_detection: true, grace_window: 60 });
    const { refresh_token } = issue();
    const next = (await refresh(refresh_token)).body;
    context.clock.advance(59);
    const again = (await refresh(refresh_token)).body;
    expect(again.refresh_token).toBe(next.refresh_token);
    expect(await isLive(again.access_token)).toBe(true);
    expect(bipsync.counters.snapshot().family_burns).toBe(0);
    context.clock.advance(1);
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
    expect(bipsync.counters.snapshot().family_burns).toBe(1);
    expect((await refresh(String(next.refresh_token))).body.error).toBe('invalid_grant');
  });

  test('is revoked with its refresh token, by its own client alone (RFC 7009)', async () => {
    const { access_token, refresh_token } = issue();
    const revoke = (parameters: Record<string, string>) => postForm(at('/v1/oauth/revoke'), parameters);
    const foreign = await revoke({ token: refresh_token, ...credentials('bipsync-team') });
    expect(foreign.status).toBe(400);
    expect(await isLive(access_token)).toBe(true);
    expect((await revoke({ token: refresh_token, ...client })).status).toBe(200);
    expect(await isLive(access_token)).toBe(false);
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant');
    expect((await revoke({ token: 'never-seen', ...client })).status).toBe(200);
    expect((await revoke({ token: refresh_token, ...client, client_secret: 'no' })).status).toBe(401);
  });
});

describe('authorization', () => {
  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  const client = credentials('bipsync-user');
  const request = (changes: Record<string, string> = {}) => {
    const url = new URL(at('/v1/oauth/authorize'));
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: CALLBACK,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...changes,
    }).toString();
    return url;
  };
  const exchange = async (location: URL, code_verifier?: string) =>
    token({
      grant_type: 'authorization_code',
      code: location.searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      ...client,
      ...(code_verifier === undefined ? {} : { code_verifier }),
    });

  test.each([
    ['without a challenge', { code_challenge: '' }],
    ['with a plain challenge', { code_challenge_method: 'plain' }],
    ['without a method', { code_challenge_method: '' }],
  ])('%s is refused, by redirect', async (_, changes) => {
    const location = await decide(request(changes));
    expect(location.searchParams.get('error')).toBe('invalid_request');
    expect(location.searchParams.get('iss')).toBe(context.vendors.bipsync.origin);
  });

  test.each([
    ['missing', undefined],
    ['wrong', 'x'.repeat(43)],
  ])('a code is worth nothing when its verifier is %s', async (_, codeVerifier) => {
    const { body } = await exchange(await decide(request()), codeVerifier);
    expect(body.error_description).toBe('code_verifier is missing or wrong.');
  });

  test('for a service account gives a token that the account owns', async () => {
    const { body } = await exchange(await decide(request({ account_type: 'service' })), verifier);
    const me = await getWith(at('/v1/me'), body.access_token);
    expect(me.body.owner).toBe('service-account:ada');
  });

  test('shows who asks for what, as text, in a page without scripts', async () => {
    const response = await fetch(request({ scope: 'research:read' }));
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const shown of [
      client.client_id,
      'research:read',
      CALLBACK,
      'Simulation of Bipsync',
      'Approve',
      'Deny',
    ]) {
      expect(text).toContain(shown);
    }
    expect(text).not.toContain('<script');
  });
});

describe('device authorization', () => {
  const client = credentials('bipsync-kiosk');
  let begun: Record<string, string>;
  const begin = async () => {
    const { body } = await postForm(at('/v1/oauth/device'), { ...client, scope: 'research:read' });
    begun = body as Record<string, string>;
  };
  const poll = () =>
    token({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: begun.device_code ?? '',
      ...client,
    });
  const answer = (decision: string, user_code = begun.user_code ?? '') =>
    postForm(begun.verification_uri ?? '', { user_code, decision, user: 'ada' });

  test('names both addresses, lives for a minute and names no interval', async () => {
    await begin();
    expect(begun).toEqual({
      device_code: expect.stringMatching(/^[\w-]{43}$/),
      user_code: expect.stringMatching(/^[B-Z]{4}-[B-Z]{4}$/),
      verification_uri: at('/oauth/device'),
      verification_uri_complete: `${at('/oauth/device')}?user_code=${begun.user_code}`,
      expires_in: 60,
    });
  });

  test('is pending until the person approves, then gives tokens once', async () => {
    await begin();
    expect((await poll()).body.error).toBe('authorization_pending');
    const typed = (begun.user_code ?? '').toLowerCase().replace('-', ' ');
    expect((await answer('approve', typed)).text).toContain('Connected');
    const { status, body } = await poll();
    expect(status).toBe(200);
    expect((await getWith(at('/v1/me'), body.access_token)).body).toMatchObject({
      owner: 'user:ada',
      scope: 'research:read',
    });
    expect((await poll()).body.error).toBe('invalid_grant');
    expect(context.vendors.bipsync.counters.snapshot().polls).toBe(3);
  });

  test('is slowed down when polled faster than every five seconds, and more each time', async () => {
    await begin();
    await poll();
    context.clock.advance(4);
    expect((await poll()).body.error).toBe('slow_down');
    context.clock.advance(9);
    expect((await poll()).body.error).toBe('slow_down');
    context.clock.advance(15);
    expect((await poll()).body.error).toBe('authorization_pending');
  });

  test('can be denied', async () => {
    await begin();
    await answer('deny');
    expect((await poll()).body.error).toBe('access_denied');
  });

  test('expires after a minute, and then nobody can approve it', async () => {
    await begin();
    context.clock.advance(60);
    expect((await poll()).body.error).toBe('expired_token');
    expect((await answer('approve')).status).toBe(400);
  });

  test('can be decided on once', async () => {
    await begin();
    await answer('deny');
    expect((await answer('approve')).status).toBe(400);
    expect((await poll()).body.error).toBe('access_denied');
  });

  test('is refused to a client that is not registered for it, and to a public one with a secret', async () => {
    const other = await postForm(at('/v1/oauth/device'), credentials('bipsync-user'));
    expect(other.body.error).toBe('unauthorized_client');
    const secret = await postForm(at('/v1/oauth/device'), { ...client, client_secret: 'x' });
    expect(secret.body.error_description).toBe('This client has no secret.');
  });
});
