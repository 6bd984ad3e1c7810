import { expect, test } from 'vitest';
import { credentials, getWith, postForm, postJson, simulation } from './support.ts';

const context = simulation();
const tokenUrl = () => `${context.vendors.bits.origin}/v1/oauth2/token`;
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const { client_id, client_secret = '' } = credentials('bits');
const raw = basic(`${client_id}:${client_secret}`);
const token = (parameters: Record<string, string> = {}, headers: Record<string, string> = raw) =>
  postForm(tokenUrl(), { grant_type: 'client_credentials', ...parameters }, headers);

const session = { application_id: 'a-1', workflow_id: 'w-1', redirect_url: 'https://example.com/done' };

test('a token answer says type instead of token_type', async () => {
  const { status, body } = await token();
  expect(status).toBe(200);
  expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'type']);
  expect(body).toMatchObject({ type: 'Bearer', expires_in: 3600, scope: 'application' });
});

test('form-encoded credentials, as RFC 6749 wants them, are refused', async () => {
  const encoded = basic(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`);
  const { status, body, headers } = await token({}, encoded);
  expect(status).toBe(401);
  expect(headers.get('www-authenticate')).toBe('Basic');
  expect(body).toMatchObject({ error: 'invalid_client' });
});

test.each([
  ['a wrong secret', basic(`${client_id}:wrong`)],
  ['an unknown client', basic(`nobody:${client_secret}`)],
  ['no colon', basic(client_id)],
  ['another scheme', { authorization: `Bearer ${Buffer.from('x').toString('base64')}` }],
  ['no credentials', {}],
])('%s is refused', async (_, headers: Record<string, string>) => {
  expect((await token({}, headers)).status).toBe(401);
});

test('credentials in the body are refused even beside good ones', async () => {
  const { status, body } = await token({ client_id, client_secret });
  expect(status).toBe(400);
  expect(body.error_description).toContain('client_id belongs in the Authorization header');
});

test('a JSON body is refused', async () => {
  const { status, body } = await postJson(tokenUrl(), { grant_type: 'client_credentials' });
  expect(status).toBe(400);
  expect(body.error_description).toBe('Expected application/x-www-form-urlencoded.');
});

test('a repeated parameter is refused', async () => {
  const body = 'grant_type=client_credentials&grant_type=client_credentials';
  const headers = { ...raw, 'content-type': 'application/x-www-form-urlencoded' };
  const response = await fetch(tokenUrl(), { method: 'POST', body, headers });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error_description: 'The parameter grant_type is repeated.' });
});

test('a session token needs its three claims, each of them', async () => {
  expect((await token({ scope: 'application.session', ...session })).body.scope).toBe('application.session');
  for (const name of Object.keys(session)) {
    const { [name as keyof typeof session]: _, ...rest } = session;
    const { status, body } = await token({ scope: 'application.session', ...rest });
    expect(status).toBe(400);
    expect(body.error_description).toBe(`application.session needs ${name}.`);
  }
});

test('a claim without the session scope is refused', async () => {
  const { status, body } = await token({ scope: 'application', application_id: 'a-1' });
  expect(status).toBe(400);
  expect(body.error_description).toBe('application_id needs application.session.');
});

test('an unknown scope and another grant type are refused', async () => {
  expect((await token({ scope: 'everything' })).body.error).toBe('invalid_scope');
  expect((await token({ grant_type: 'authorization_code' })).body.error).toBe('unsupported_grant_type');
});

test('the token owner is found outside /v1, with the scheme in any letter case', async () => {
  const { access_token } = (await token()).body;
  const { origin } = context.vendors.bits;
  const { status, body } = await getWith(`${origin}/oauth2/userinfo`, access_token, 'bearer');
  expect(status).toBe(200);
  expect(body.customerId).toMatch(/^bits:customer::[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect((await getWith(`${origin}/v1/oauth2/userinfo`, access_token)).status).toBe(404);
  context.vendors.bits.revoke(access_token as string);
  expect((await getWith(`${origin}/oauth2/userinfo`, access_token)).status).toBe(401);
});

test('a wrong method is told the right one', async () => {
  const response = await fetch(tokenUrl());
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe('POST');
});
