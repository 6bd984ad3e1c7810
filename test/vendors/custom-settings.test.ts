/** What a connection of `custom` says of its server, as the server sees it. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConnections } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { brokerWorld } from '../support/broker.ts';
import { grantProcess } from '../support/grants.ts';
import { type HttpPeer, json, startHttpPeer } from '../support/http-peer.ts';

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
  [{ assertion_audience: 'issuer' }, /only with client_auth "private_key_jwt"/],
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
