import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import {
  authorizationCodeParameters,
  authorizationUrl,
  createCodeVerifier,
  readAuthorizationResponse,
  withState,
} from '../../shared/oauth/authorization.ts';

const REQUEST = {
  endpoint: 'https://as.example/authorize?tenant=1',
  clientId: 'id &1',
  redirectUri: 'https://broker.example/callback',
  scopes: ['a', 'b'],
  state: 'state-1',
  codeVerifier: undefined,
  parameters: {},
};

describe('the authorization URL', () => {
  test('asks for a code, and keeps the query that the endpoint has', async () => {
    const url = new URL(withState(authorizationUrl(REQUEST), 'state-1'));
    expect(url.origin + url.pathname).toBe('https://as.example/authorize');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: '1',
      response_type: 'code',
      client_id: 'id &1',
      redirect_uri: 'https://broker.example/callback',
      scope: 'a b',
      state: 'state-1',
    });
  });

  test('carries the S256 challenge of the verifier', async () => {
    const codeVerifier = createCodeVerifier();
    expect(codeVerifier.reveal()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const url = new URL(authorizationUrl({ ...REQUEST, codeVerifier }));
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    const challenge = createHash('sha256').update(codeVerifier.reveal()).digest('base64url');
    expect(url.searchParams.get('code_challenge')).toBe(challenge);
    expect(url.href).not.toContain(codeVerifier.reveal());
  });

  test('has a nonce of its own where an ID token comes along', () => {
    const nonce = () =>
      new URL(authorizationUrl({ ...REQUEST, scopes: ['openid'] })).searchParams.get('nonce');
    expect(nonce()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(nonce()).not.toBe(nonce());
    const given = authorizationUrl({ ...REQUEST, scopes: ['openid'], parameters: { nonce: 'mine' } });
    expect(new URL(given).searchParams.get('nonce')).toBe('mine');
  });

  test('every verifier is new', () => {
    expect(createCodeVerifier().reveal()).not.toBe(createCodeVerifier().reveal());
  });

  test('takes more parameters, none of which replaces one of its own', async () => {
    const parameters = {
      prompt: 'consent',
      state: 'evil',
      client_id: 'evil',
      redirect_uri: 'evil',
      scope: 'evil',
    };
    const url = new URL(authorizationUrl({ ...REQUEST, parameters }));
    expect(url.searchParams.get('prompt')).toBe('consent');
    expect(url.href).not.toContain('evil');
  });

  test('has no scope when none is asked for', async () => {
    const url = new URL(authorizationUrl({ ...REQUEST, scopes: [] }));
    expect(url.searchParams.has('scope')).toBe(false);
  });
});

test('a code is redeemed with the verifier and the redirect URI of its request', () => {
  const grant = { code: new Redacted('c'), redirectUri: 'https://broker.example/callback' };
  expect(authorizationCodeParameters({ ...grant, codeVerifier: new Redacted('v') })).toEqual({
    grant_type: 'authorization_code',
    code: 'c',
    redirect_uri: 'https://broker.example/callback',
    code_verifier: 'v',
  });
  expect(authorizationCodeParameters({ ...grant, codeVerifier: undefined })).not.toHaveProperty(
    'code_verifier',
  );
});

describe('the authorization response', () => {
  const ISSUER = 'https://as.example';
  const read = (query: string, expected: { issuer?: string; issInResponse?: boolean } = {}) =>
    readAuthorizationResponse(new URLSearchParams(query), {
      state: 's',
      tokenEndpoint: 'https://as.example/token',
      ...expected,
    });

  test.each<[string, { issuer?: string; issInResponse?: boolean }]>([
    ['state=s&code=c', {}],
    ['state=s&code=c&iss=https://as.example/tenant', {}],
    ['state=s&code=c', { issuer: ISSUER }],
    [`state=s&code=c&iss=${ISSUER}`, { issuer: ISSUER }],
    [`state=s&code=c&iss=${ISSUER}`, { issuer: ISSUER, issInResponse: true }],
  ])('%s gives the code when %j is known', (query, expected) => {
    const response = read(query, expected);
    expect('code' in response && response.code.reveal()).toBe('c');
  });

  test.each<[string, { issuer?: string; issInResponse?: boolean }]>([
    ['', {}],
    ['state=s', {}],
    ['state=s&code=', {}],
    ['code=c', {}],
    ['state=other&code=c', {}],
    ['state=s&state=s&code=c', {}],
    ['state=s&code=c&code=d', {}],
    ['state=s&code=c', { issuer: ISSUER, issInResponse: true }],
    ['state=s&code=c&iss=https://mixed-up.example', { issuer: ISSUER }],
    [`state=s&code=c&iss=${ISSUER}/`, { issuer: ISSUER }],
    [`state=s&code=c&iss=${ISSUER}&iss=${ISSUER}`, { issuer: ISSUER }],
    ['state=s&error=access_denied', { issuer: ISSUER, issInResponse: true }],
    ['state=s&code=c&id_token=CANARY', {}],
    ['state=s&code=c&iss=https://mixed-up.example', {}],
    ['state=s&code=c&iss=https://as.example.evil.example', {}],
    ['state=s&code=c&iss=http://as.example', {}],
    ['state=s&code=c&iss=no-url', {}],
    [`state=s&code=c&iss=${ISSUER}&iss=${ISSUER}`, {}],
  ])('%j is not an answer when %j is known', (query, expected) => {
    const reading = () => read(query, expected);
    expect(reading).toThrow(BrokerError);
    expect(reading).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test('a refusal that repeats the state is told without it', () => {
    const state = 'state-of-a-consent';
    for (const error of [state, `about-${state}`, Buffer.from(state).toString('hex')]) {
      const expected = { state, tokenEndpoint: 'https://as.example/token' };
      const parameters = new URLSearchParams({ state, error });
      expect(readAuthorizationResponse(parameters, expected)).toEqual({ refused: true });
    }
  });

  test('a refusal is told with its error, where that can be shown', () => {
    expect(read('state=s&error=access_denied&error_description=CANARY')).toEqual({
      refused: true,
      error: 'access_denied',
    });
    expect(read(`state=s&error=${'x'.repeat(65)}`)).toEqual({ refused: true });
    for (const odd of ['%3Cscript%3E%22', 'two words', 'a:b', 'a%2Fb', '%C3%A9']) {
      expect(read(`state=s&error=${odd}`)).toEqual({ refused: true });
    }
  });
});
