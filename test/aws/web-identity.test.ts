/** AWS's word for the broker, as the broker asks for it: of the embedded STS, which verifies who signs, and of a peer that misbehaves. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAwsEndpoint } from '../../functions/local/emulator/endpoint.ts';
import { stsService } from '../../functions/local/emulator/sts.ts';
import type { LocalServer } from '../../functions/local/http.ts';
import { secretsManagerClient } from '../../shared/aws/clients.ts';
import { webIdentityTokens } from '../../shared/aws/web-identity.ts';
import type { WebIdentity } from '../../shared/connections/connection.ts';
import { type HttpPeer, startHttpPeer, text } from '../support/http-peer.ts';
import { localAccess } from '../support/stores.ts';
import { budget } from '../vendors/support.ts';

let endpoint: LocalServer;
let peer: HttpPeer;
beforeAll(async () => {
  const none = () => Promise.reject(new Error('not here'));
  const services = { lambda: none, sts: stsService() };
  [endpoint, peer] = await Promise.all([
    startAwsEndpoint({ port: 0, key: 'local', services }),
    startHttpPeer(),
  ]);
});
afterAll(() => Promise.all([endpoint.close(), peer.close()]));

const IDENTITY: WebIdentity = {
  clientId: 'client',
  audience: 'https://as.example/?a=b&c',
  algorithm: 'RS256',
};
const ask = (url: string, accessKeyId = 'local', identity: Partial<WebIdentity> = {}) => {
  const credentials = { ...localAccess.credentials, accessKeyId };
  const manager = secretsManagerClient({ ...localAccess, credentials, endpoint: url });
  return webIdentityTokens(manager)({ ...IDENTITY, ...identity }, budget());
};
const refused = async (url: string, identity: Partial<WebIdentity> = {}, accessKeyId = 'local') => {
  const outcome = await ask(url, accessKeyId, identity).catch((error) => error);
  return JSON.parse(JSON.stringify(outcome));
};

test.each(['RS256', 'ES384'] as const)(
  'a token by %s is verified by its issuer’s JWKS, and says whose it is',
  async (algorithm) => {
    const discovered = await fetch(`${endpoint.url}/.well-known/openid-configuration`);
    const { issuer, jwks_uri } = (await discovered.json()) as { issuer: string; jwks_uri: string };
    const token = await ask(endpoint.url, 'role-token-broker', { algorithm });
    const { audience } = IDENTITY;
    const verified = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), { issuer, audience });
    expect(verified.protectedHeader.alg).toBe(algorithm);
    const { sub, iat = 0, exp, aud } = verified.payload;
    expect({ sub, aud, life: exp! - iat }).toEqual({
      sub: 'arn:aws:iam::000000000000:role/token-broker',
      aud: audience,
      life: 60,
    });
  },
);

test.each([
  ['OutboundWebIdentityFederationDisabledException', /`aws iam enable-outbound-web-identity-federation`/],
  ['AccessDenied', /sts:GetWebIdentityToken for this audience/],
  ['OddException', /STS says OddException/],
])('%s is told, and not asked again', async (code, words) => {
  peer.replyWith(
    text(403, `<ErrorResponse><Error><Code>${code}</Code><Message>canary</Message></Error></ErrorResponse>`),
  );
  const outcome = await refused(peer.origin);
  expect(outcome).toEqual({ error: 'secret_unavailable', error_description: expect.stringMatching(words) });
  expect(outcome.error_description).not.toContain('canary');
  expect(peer.received).toHaveLength(1);
});

test.each([
  [text(403, '<Error><Code>SessionDurationEscalationException</Code></Error>'), /session ends sooner/, 1],
  [text(400, '<Error><Code>Throttling</Code></Error>'), /did not answer in time/, 3],
  [text(503, ''), /did not answer in time/, 3],
  [text(200, '<html>'), /did not answer in time/, 1],
])('what may pass is to be tried again in some seconds', async (reply, words, requests) => {
  peer.replyWith(reply);
  expect(await refused(peer.origin)).toEqual({
    error: 'secret_unavailable',
    error_description: expect.stringMatching(words),
    retry_after: 5,
  });
  expect(peer.received).toHaveLength(requests);
});

test('the request names one audience, an algorithm and the shortest life, in a form', async () => {
  peer.replyWith(text(200, '<WebIdentityToken>a.b.c</WebIdentityToken>'));
  expect(await ask(peer.origin)).toBe('a.b.c');
  expect(peer.received[0]!.parameters).toEqual({
    Action: 'GetWebIdentityToken',
    Version: '2011-06-15',
    'Audience.member.1': IDENTITY.audience,
    SigningAlgorithm: 'RS256',
    DurationSeconds: '60',
  });
  expect(peer.received[0]!.headers.authorization).toMatch(/\/us-east-1\/sts\/aws4_request/);
});

test('the embedded STS refuses what STS does, and who does not sign', async () => {
  expect(await refused(endpoint.url, { audience: 'a'.repeat(1_001) })).toMatchObject({
    error_description: expect.stringContaining('ValidationError'),
  });
  expect(await refused(endpoint.url, { algorithm: 'PS256' as 'RS256' })).toMatchObject({
    error_description: expect.stringContaining('ValidationError'),
  });
  expect(await refused(endpoint.url, {}, 'nobody')).toMatchObject({
    error_description: expect.stringContaining('UnrecognizedClientException'),
  });
  const body = new URLSearchParams({ Action: 'GetWebIdentityToken' });
  const unsigned = await fetch(endpoint.url, { method: 'POST', body });
  expect(await unsigned.text()).toMatch(/<Code>MissingAuthenticationTokenException<\/Code>/);
});
