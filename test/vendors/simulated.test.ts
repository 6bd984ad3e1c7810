import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClientSecretValue } from '../../functions/simulator/clients.ts';
import { VENDOR_NAMES, type VendorName } from '../../functions/simulator/clients.ts';
import { type SimulatedVendors, startSimulatedVendors } from '../../functions/simulator/server.ts';
import { DEVICE_CODE_GRANT, OUT_OF_BAND } from '../../shared/connections/connection.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import {
  authorizationCodeParameters,
  authorizationUrl,
  createCodeVerifier,
  readAuthorizationResponse,
  withState,
} from '../../shared/oauth/authorization.ts';
import { requestDeviceAuthorization } from '../../shared/oauth/device.ts';
import { revokeToken } from '../../shared/oauth/revocation.ts';
import { getUserinfo } from '../../shared/oauth/userinfo.ts';
import { vendorErrorOf } from '../oauth/support.ts';
import { decide } from '../simulator/support.ts';
import { budget, clientCall, mint } from './support.ts';

/** Our descriptions of the vendors against simulations that refuse what the real ones would. */
let vendors: SimulatedVendors;
let secrets: Record<string, ClientSecretValue>;
beforeAll(async () => {
  vendors = await startSimulatedVendors();
  const all = await Promise.all(VENDOR_NAMES.map((name) => vendors[name].clientSecrets()));
  secrets = Object.assign({}, ...all);
});
afterAll(() => vendors.close());

const secretOf = (name: string) => secrets[name]!;
const at = (vendor: VendorName, members: object = {}) => ({
  vendor,
  base_url: vendors[vendor].origin,
  ...members,
});

describe('client credentials', () => {
  test.each<[string, VendorName, object, string, string | undefined]>([
    ['BugSplat symbols', 'bugsplat', { scope: 'symbols' }, 'bugsplat-symbols', 'Bearer'],
    ['BugSplat restricted', 'bugsplat', { scope: 'restricted' }, 'bugsplat-restricted', 'Bearer'],
    ['Bugfender by secret', 'bugfender', {}, 'bugfender-service', 'Bearer'],
    ['Bugfender by assertion', 'bugfender', { client_auth: 'private_key_jwt' }, 'bugfender-key', 'Bearer'],
    ['a Bipsync team', 'bipsync', { scope: 'team_42 research:read' }, 'bipsync-team', 'Bearer'],
    ['Bits', 'bits', { scope: 'application' }, 'bits', 'Bearer'],
    ['Bits without a scope', 'bits', {}, 'bits', 'Bearer'],
    ['Bits to read', 'bits', { scope: 'application.read' }, 'bits', 'Bearer'],
  ])('%s gives a token', async (_, vendor, members, secret, tokenType) => {
    const reply = await mint(at(vendor, members), secretOf(secret));
    const token = reply.token();
    expect(token.tokenType).toBe(tokenType);
    expect(token.expiresAt - token.mintedAt).toBe(3_600_000);
    expect(reply.refreshToken).toBeUndefined();
  });

  test('a Bits session takes its claims from the body', async () => {
    const claims = { application_id: 'a', workflow_id: 'w', redirect_url: 'https://app.example/done' };
    const members = at('bits', { scope: 'application.session' });
    const reply = await mint(members, secretOf('bits'), claims);
    expect(reply.token().scope).toBe('application.session');
    const error = await vendorErrorOf(mint(members, secretOf('bits')));
    expect(error.code).toBe('vendor_rejected');
  });

  test.each<[VendorName, object]>([
    ['bugsplat', { scope: 'symbols' }],
    ['bugfender', {}],
    ['bipsync', { scope: 'team_42' }],
    ['bits', {}],
  ])('a client that %s does not know is refused definitively', async (vendor, members) => {
    const error = await vendorErrorOf(mint(at(vendor, members), { client_id: 'x', client_secret: 'y' }));
    expect(error).toMatchObject({ code: 'vendor_rejected', ambiguous: false });
  });
});

test('Bits tells whose a token is, and when it is refused', async () => {
  const members = at('bits');
  const { endpoints } = await clientCall(members, secretOf('bits'));
  const token = (await mint(members, secretOf('bits'))).token();
  const info = await getUserinfo(endpoints.userinfoEndpoint!, token, budget());
  expect(info.customerId).toMatch(/^bits:customer::/);
  const stale = { ...token, accessToken: new Redacted('stale') };
  const error = await vendorErrorOf(getUserinfo(endpoints.userinfoEndpoint!, stale, budget(), [401, 403]));
  expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'invalid_token' });
});

describe.each<[VendorName, string, string]>([
  ['bipsync', 'bipsync-user', 'http://127.0.0.1:8787/callback'],
  ['bugfender', 'bugfender-integration', 'http://127.0.0.1:8787/callback'],
])('a person’s consent at %s', (vendor, secretName, redirectUri) => {
  const scopes = vendor === 'bipsync' ? ['research:read'] : [];
  const members = () => at(vendor, { grant: 'authorization_code' });

  async function consent() {
    const secret = secretOf(secretName);
    const { endpoints, client } = await clientCall(members(), secret);
    const codeVerifier = createCodeVerifier();
    const request = authorizationUrl({
      endpoint: endpoints.authorizationEndpoint!,
      clientId: client.clientId,
      redirectUri,
      scopes,
      codeVerifier,
      parameters: {},
    });
    const url = withState(request, 'state-1');
    const response = readAuthorizationResponse((await decide(url)).searchParams, {
      ...endpoints,
      state: 'state-1',
    });
    if (!('code' in response)) throw new Error('The vendor refused.');
    const parameters = authorizationCodeParameters({ code: response.code, redirectUri, codeVerifier });
    return mint(members(), secret, parameters);
  }

  test('gives a refresh token, which gives another token', async () => {
    const granted = await consent();
    expect(granted.token().tokenType).toBe('Bearer');
    const refreshed = await mint(members(), secretOf(secretName), {
      grant_type: 'refresh_token',
      refresh_token: granted.refreshToken!.reveal(),
      redirect_uri: redirectUri,
    });
    expect(refreshed.token().fingerprint).not.toBe(granted.token().fingerprint);
  });

  test('that was denied is told as such', async () => {
    const { endpoints, client } = await clientCall(members(), secretOf(secretName));
    const request = authorizationUrl({
      endpoint: endpoints.authorizationEndpoint!,
      clientId: client.clientId,
      redirectUri,
      scopes,
      codeVerifier: createCodeVerifier(),
      parameters: {},
    });
    const url = withState(request, 'state-1');
    const { searchParams } = await decide(url, 'deny');
    expect(readAuthorizationResponse(searchParams, { ...endpoints, state: 'state-1' })).toEqual({
      refused: true,
      error: 'access_denied',
    });
  });

  test('that vendor’s refusal of a spent code is invalid_grant', async () => {
    const parameters = authorizationCodeParameters({
      code: new Redacted('spent'),
      redirectUri: OUT_OF_BAND,
      codeVerifier: createCodeVerifier(),
    });
    const error = await vendorErrorOf(mint(members(), secretOf(secretName), parameters));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'invalid_grant', ambiguous: false });
  });
});

describe('Bipsync', () => {
  test('a refresh token is revoked where its metadata says', async () => {
    const secret = secretOf('bipsync-user');
    const members = at('bipsync', { grant: 'authorization_code' });
    const { refresh_token } = vendors.bipsync.issueGrant({
      clientId: secret.client_id,
      owner: 'ada',
      scopes: ['research:read'],
    });
    const token = new Redacted(refresh_token);
    await revokeToken({ ...(await clientCall(members, secret)), token, tokenTypeHint: 'refresh_token' });
    const error = await vendorErrorOf(mint(members, secret, { grant_type: 'refresh_token', refresh_token }));
    expect(error.vendorError).toBe('invalid_grant');
  });

  test('a device consent starts without an interval, and is pending at first', async () => {
    const secret = secretOf('bipsync-kiosk');
    const members = at('bipsync', { grant: DEVICE_CODE_GRANT, client_auth: 'none', scope: 'research:read' });
    const call = await clientCall(members, secret);
    const authorization = await requestDeviceAuthorization({ ...call, scopes: ['research:read'] });
    expect(authorization.interval).toBe(5);
    const poll = mint(members, secret, {
      grant_type: DEVICE_CODE_GRANT,
      device_code: authorization.deviceCode.reveal(),
    });
    expect(await vendorErrorOf(poll)).toMatchObject({
      code: 'vendor_rejected',
      vendorError: 'authorization_pending',
    });
  });
});
