import * as oauth from 'oauth4webapi';
import { beforeAll, describe, expect, test } from 'vitest';
import { CALLBACK, credentials, decide, postForm, simulation } from './support.ts';

/** The simulation against a client that others wrote: oauth4webapi, with its own checks left on. */
const context = simulation();
const insecure = { [oauth.allowInsecureRequests]: true };
let server: oauth.AuthorizationServer;

beforeAll(async () => {
  const issuer = new URL(context.vendors.bipsync.origin);
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, response);
});

describe('authorization code with PKCE', () => {
  const { client_id, client_secret = '' } = credentials('bipsync-user');
  const client = { client_id };
  const authentication = oauth.ClientSecretPost(client_secret);

  async function authorized(): Promise<oauth.TokenEndpointResponse> {
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(server.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri: CALLBACK,
      scope: 'research:read research:write',
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }).toString();
    const parameters = oauth.validateAuthResponse(server, client, await decide(url), state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      parameters,
      CALLBACK,
      verifier,
      insecure,
    );
    return oauth.processAuthorizationCodeResponse(server, client, response);
  }

  test('gives tokens, that refresh and that are revoked', async () => {
    const first = await authorized();
    const response = await oauth.refreshTokenGrantRequest(
      server,
      client,
      authentication,
      first.refresh_token ?? '',
      insecure,
    );
    const second = await oauth.processRefreshTokenResponse(server, client, response);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const { bipsync } = context.vendors;
    expect([bipsync.isLive(first.access_token), bipsync.isLive(second.access_token)]).toEqual([false, true]);
    const revoked = await oauth.revocationRequest(
      server,
      client,
      authentication,
      second.refresh_token ?? '',
      insecure,
    );
    await oauth.processRevocationResponse(revoked);
    expect(bipsync.isLive(second.access_token)).toBe(false);
  });

  test('of a person who denies is an error that the client understands', async () => {
    const url = new URL(server.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri: CALLBACK,
      code_challenge: await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier()),
      code_challenge_method: 'S256',
    }).toString();
    const location = await decide(url, 'deny');
    expect(() => oauth.validateAuthResponse(server, client, location)).toThrow(
      oauth.AuthorizationResponseError,
    );
  });
});

describe('device authorization of a public client', () => {
  const client = { client_id: credentials('bipsync-kiosk').client_id };

  test('is pending, then gives tokens', async () => {
    const scope = new URLSearchParams({ scope: 'research:read' });
    const response = await oauth.deviceAuthorizationRequest(server, client, oauth.None(), scope, insecure);
    const begun = await oauth.processDeviceAuthorizationResponse(server, client, response);
    expect(begun).toMatchObject({ expires_in: 60 });
    expect(begun.interval).toBeUndefined();
    const poll = async () =>
      oauth.processDeviceCodeResponse(
        server,
        client,
        await oauth.deviceCodeGrantRequest(server, client, oauth.None(), begun.device_code, insecure),
      );
    await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' });
    await postForm(begun.verification_uri_complete ?? '', {
      user_code: begun.user_code,
      decision: 'approve',
    });
    expect((await poll()).refresh_token).toMatch(/^def50200/);
  });
});
