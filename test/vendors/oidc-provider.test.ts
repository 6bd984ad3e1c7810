import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  authorizationCodeParameters,
  authorizationUrl,
  createCodeVerifier,
  readAuthorizationResponse,
  withState,
} from '../../shared/oauth/authorization.ts';
import { revokeToken } from '../../shared/oauth/revocation.ts';
import { getUserinfo } from '../../shared/oauth/userinfo.ts';
import { vendorErrorOf } from '../oauth/support.ts';
import { type OidcClientName, type OidcProvider, startOidcProvider } from '../support/oidc-provider.ts';
import { budget, clientCall, mint } from './support.ts';

/** `custom` against a certified server that somebody else wrote, with its defaults and its strictness. */
let peer: OidcProvider;
beforeAll(async () => {
  peer = await startOidcProvider();
});
afterAll(() => peer.close());

describe.each(['discovery', 'token endpoint'])('by %s', (way) => {
  const custom = (members: object) => ({
    vendor: 'custom',
    ...(way === 'discovery' ? { issuer: peer.issuer } : { token_endpoint: `${peer.issuer}/token` }),
    ...members,
  });

  test.each<[string, OidcClientName]>([
    ['client_secret_basic', 'basic'],
    ['client_secret_post', 'post'],
    ['client_secret_jwt', 'hmac'],
    ['private_key_jwt', 'key'],
    ['private_key_jwt', 'ps256'],
    ['private_key_jwt', 'es256'],
    ['private_key_jwt', 'es384'],
    ['private_key_jwt', 'eddsa'],
  ])('a client gets a token by %s (%s)', async (clientAuth, name) => {
    const reply = await mint(custom({ client_auth: clientAuth, scope: 'read' }), peer.secrets[name]);
    const token = reply.token();
    expect(token).toMatchObject({ tokenType: 'Bearer', scope: 'read' });
    expect(token.expiresAt - token.mintedAt).toBe(600_000);
    expect(reply.refreshToken).toBeUndefined();
  });

  test('a wrong secret is invalid_client, in spite of the challenge beside it', async () => {
    const secret = { client_id: 'basic', client_secret: 'wrong' };
    const error = await vendorErrorOf(mint(custom({}), secret));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'invalid_client' });
  });

  test('a scope that the client may not have is refused', async () => {
    const error = await vendorErrorOf(mint(custom({ scope: 'write' }), peer.secrets.basic));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'invalid_scope' });
  });
});

test('without a client_auth member, it is client_secret_basic', async () => {
  const reply = await mint({ vendor: 'custom', issuer: peer.issuer }, peer.secrets.basic);
  expect(reply.token().accessToken.reveal()).not.toBe('');
});

test('a token is revoked at the endpoint that was discovered', async () => {
  const members = { vendor: 'custom', issuer: peer.issuer, client_auth: 'private_key_jwt' };
  const { accessToken: token } = (await mint(members, peer.secrets.key)).token();
  const call = await clientCall(members, peer.secrets.key);
  expect(await revokeToken({ ...call, token, tokenTypeHint: 'access_token' })).toBeUndefined();
});

test('a consent gives tokens that are refreshed, rotated, and refused once spent', async () => {
  const members = { vendor: 'custom', issuer: peer.issuer, grant: 'authorization_code' };
  const { endpoints, client } = await clientCall(members, peer.secrets.person);
  const { redirectUri } = peer;
  const codeVerifier = createCodeVerifier();
  const request = authorizationUrl({
    endpoint: endpoints.authorizationEndpoint!,
    clientId: client.clientId,
    redirectUri,
    scopes: ['openid', 'offline_access'],
    codeVerifier,
    parameters: { prompt: 'consent' },
  });
  const url = withState(request, 'state-1');
  const { searchParams } = await peer.approve(url);
  expect(endpoints.issInResponse).toBe(true);
  const response = readAuthorizationResponse(searchParams, { ...endpoints, state: 'state-1' });
  if (!('code' in response)) throw new Error('The server refused.');

  const code = authorizationCodeParameters({ code: response.code, redirectUri, codeVerifier });
  const granted = await mint(members, peer.secrets.person, code);
  expect(await getUserinfo(endpoints.userinfoEndpoint!, granted.token(), budget())).toEqual({ sub: 'ada' });

  const spent = { grant_type: 'refresh_token', refresh_token: granted.refreshToken!.reveal() };
  const refreshed = await mint(members, peer.secrets.person, spent);
  expect(refreshed.refreshToken?.reveal()).not.toBe(spent.refresh_token);
  expect(refreshed.token().fingerprint).not.toBe(granted.token().fingerprint);
  expect(await vendorErrorOf(mint(members, peer.secrets.person, spent))).toMatchObject({
    code: 'vendor_rejected',
    vendorError: 'invalid_grant',
    ambiguous: false,
  });
});
