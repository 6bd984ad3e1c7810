/**
 * `custom` against a certified server that is as strict as FAPI 2.0 asks, but for sender-constrained tokens: clients
 * prove themselves by keys alone, with the issuer as audience; authorization requests are pushed; tokens are JWTs for one
 * resource (RFC 8707, RFC 9068); refresh tokens rotate.
 */
import { decodeJwt } from 'jose';
import { errors } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { brokerWorld, refusal } from '../support/broker.ts';
import { grantProcess, redirecting } from '../support/grants.ts';
import { type OidcProvider, startOidcProvider } from '../support/oidc-provider.ts';

const RESOURCE = 'https://api.example.com';
const ALGORITHMS = ['PS256', 'ES256', 'EdDSA'] as const;

let peer: OidcProvider;
beforeAll(async () => {
  peer = await startOidcProvider({
    clientAuthMethods: ['private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: [...ALGORITHMS] },
    assertJwtClientAuthClaimsAndHeader: async (ctx, { aud }) => {
      if (aud !== ctx.oidc.issuer) throw new errors.InvalidClientAuth('aud must be the issuer');
    },
    features: {
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, audience) => {
          if (audience !== RESOURCE) throw new errors.InvalidTarget();
          return { audience, scope: 'read', accessTokenFormat: 'jwt', accessTokenTTL: 600 };
        },
      },
    },
  });
});
afterAll(() => peer.close());

const world = brokerWorld();
const members = (more: object) => ({
  vendor: 'custom',
  issuer: peer.issuer,
  client_auth: 'private_key_jwt',
  assertion_audience: 'issuer',
  scope: 'read',
  token_params: { resource: RESOURCE },
  ...more,
});
const secretFor = (algorithm: (typeof ALGORITHMS)[number]) =>
  peer.secrets[algorithm.toLowerCase() as Lowercase<typeof algorithm>];

describe.each(ALGORITHMS)('by %s', (algorithm) => {
  test('a client gets a JWT for the resource', async () => {
    const connection = await world.connect(members({}), secretFor(algorithm));
    const { access_token } = await world.process(connection).token();
    expect(decodeJwt(access_token)).toMatchObject({ iss: peer.issuer, aud: RESOURCE, scope: 'read' });
  });

  test('a person consents by a pushed request, and the grant is refreshed, rotated and revoked', async () => {
    const connection = await world.connect(
      members({
        grant: 'authorization_code',
        scope: 'offline_access read',
        redirect_uri: peer.redirectUri,
        authorize_params: { prompt: 'consent', resource: RESOURCE },
      }),
      secretFor(algorithm),
    );
    const process = grantProcess(world, connection);
    const { authorization_url } = redirecting(await process.start());
    expect(new URL(authorization_url).searchParams.get('request_uri')).toMatch(/^urn:/);
    expect(await process.callback(await peer.approve(authorization_url))).toMatchObject({
      kind: 'connected',
    });
    const first = await process.token();
    const before = (await process.grant()).refreshToken!.reveal();
    expect(decodeJwt(first.access_token)).toMatchObject({ aud: RESOURCE, sub: 'ada' });
    const second = await process.token({ rejected: fingerprint(new Redacted(first.access_token)) });
    expect(second.access_token).not.toBe(first.access_token);
    expect((await process.grant()).refreshToken!.reveal()).not.toBe(before);
    expect(await process.revoke()).toEqual({ status: 'revoked', vendor: 'revoked' });
    expect((await refusal(process.token())).error).toBe('consent_required');
  });
});

test('an audience that the server does not take, and a resource that it does not have, are told', async () => {
  const to = async (more: object) =>
    refusal(world.process(await world.connect(members(more), secretFor('ES256'))).token());
  expect(await to({ assertion_audience: 'token_endpoint' })).toMatchObject({ error: 'vendor_rejected' });
  expect(await to({ token_params: { resource: 'https://other.example' } })).toMatchObject({
    error: 'vendor_rejected',
    error_description: expect.stringContaining('invalid_target'),
  });
});
