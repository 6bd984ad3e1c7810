import { OAuthClientCredentialsClient } from '@bugsplat/js-api-client';
import { describe, expect, test } from 'vitest';
import { credentials, getWith, postForm, postMultipart, simulation } from './support.ts';

const context = simulation();
const tokenUrl = () => `${context.vendors.bugsplat.origin}/oauth2/authorize`;
const asked = (changes: Record<string, string> = {}) => ({
  grant_type: 'client_credentials',
  ...credentials('bugsplat-symbols'),
  scope: 'symbols',
  ...changes,
});

describe("the vendor's own client", () => {
  test('gets a token and uses it', async () => {
    const { client_id, client_secret = '' } = credentials('bugsplat-symbols');
    const { origin } = context.vendors.bugsplat;
    const client = await OAuthClientCredentialsClient.createAuthenticatedClient(
      client_id,
      client_secret,
      origin,
    );
    const response = await client.fetch('/api/versions', {});
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ client_id, scope: 'symbols' });
  });

  test('recognises the refusal of a wrong secret', async () => {
    const { client_id } = credentials('bugsplat-symbols');
    const { origin } = context.vendors.bugsplat;
    await expect(
      OAuthClientCredentialsClient.createAuthenticatedClient(client_id, 'wrong', origin),
    ).rejects.toThrow('Could not authenticate');
  });
});

test('a token is a Bearer that looks like an RS256 JWT and lives for an hour', async () => {
  const { status, body, headers } = await postMultipart(tokenUrl(), asked());
  expect(status).toBe(200);
  expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'token_type']);
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
  expect(body.access_token).toMatch(/^eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9\.[\w-]+\.[\w-]{342}$/);
  expect(headers.get('cache-control')).toBe('no-store');
});

test('an urlencoded body is refused without an error member', async () => {
  const { status, body } = await postForm(tokenUrl(), asked());
  expect(status).toBe(400);
  expect(body).toEqual({ message: 'Expected multipart/form-data' });
});

test('an unknown client is refused without an error member', async () => {
  const { status, body } = await postMultipart(tokenUrl(), asked({ client_id: 'nobody' }));
  expect(status).toBe(400);
  expect(body).toEqual({ message: 'Unknown clientId nobody' });
});

test('a wrong secret is refused with status 200', async () => {
  const { status, body } = await postMultipart(tokenUrl(), asked({ client_secret: 'wrong' }));
  expect(status).toBe(200);
  expect(body).toEqual({
    error: 'invalid_client',
    error_description: 'Client authentication failed',
  });
  expect(context.vendors.bugsplat.counters.snapshot().mints).toBe(0);
});

test.each([
  ['two scopes', 'symbols restricted'],
  ["another client's scope", 'restricted'],
  ['an unknown scope', 'everything'],
  ['an empty scope', ''],
])('%s is refused', async (_, scope) => {
  const { status, body } = await postMultipart(tokenUrl(), asked({ scope }));
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: 'invalid_scope' });
});

test('another grant type is refused', async () => {
  const { status, body } = await postMultipart(tokenUrl(), asked({ grant_type: 'password' }));
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: 'unsupported_grant_type' });
});

test('the API refuses a token once it is revoked, expired or unknown', async () => {
  const { bugsplat } = context.vendors;
  const api = `${bugsplat.origin}/api/versions`;
  const first = (await postMultipart(tokenUrl(), asked())).body.access_token as string;
  const second = (await postMultipart(tokenUrl(), asked())).body.access_token as string;
  expect((await getWith(api, first)).status).toBe(200);
  bugsplat.revoke(first);
  expect((await getWith(api, first)).status).toBe(401);
  expect((await getWith(api, second)).status).toBe(200);
  context.clock.advance(3600);
  expect((await getWith(api, second)).status).toBe(401);
  expect((await getWith(api, 'made-up')).status).toBe(401);
});
