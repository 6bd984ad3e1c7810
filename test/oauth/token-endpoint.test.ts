import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClientAuthMethod } from '../../shared/connections/connection.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { parseClient } from '../../shared/oauth/client-secret.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { requestToken } from '../../shared/oauth/token-endpoint.ts';
import type { BodyEncoding, TokenCall } from '../../shared/oauth/types.ts';
import { fakeClock } from '../support/fake-clock.ts';
import {
  endless,
  type HttpPeer,
  hangUp,
  json,
  type Reply,
  silence,
  startHttpPeer,
  text,
  truncated,
} from '../support/http-peer.ts';
import { brokerErrorOf, budgetOf, SECRET, tokenCall, vendorErrorOf } from './support.ts';

const GOOD = { access_token: 'CANARY-token', token_type: 'Bearer', expires_in: 3600 };
const HTML = '<html>CANARY-page</html>';

let peer: HttpPeer;
beforeAll(async () => {
  peer = await startHttpPeer();
});
afterAll(() => peer.close());

async function asked(reply: Reply, members: Partial<TokenCall> = {}) {
  peer.replyWith(reply);
  return requestToken(tokenCall(peer.origin, members));
}

async function refused(reply: Reply, members: Partial<TokenCall> = {}) {
  return vendorErrorOf(asked(reply, members));
}

describe('what is sent', () => {
  test.each<[BodyEncoding, RegExp]>([
    ['form', /^application\/x-www-form-urlencoded$/],
    ['multipart', /^multipart\/form-data; boundary=/],
    ['json', /^application\/json$/],
  ])('a body in %s carries every parameter, odd secrets included', async (encoding, contentType) => {
    await asked(json(200, GOOD), { dialect: { encoding, defaultLifetime: 300 } });
    const [request] = peer.received;
    expect(request?.method).toBe('POST');
    expect(request?.path).toBe('/token');
    expect(request?.headers['content-type']).toMatch(contentType);
    expect(request?.headers['content-length']).toBe(String(Buffer.byteLength(request?.body ?? '')));
    expect(request?.headers['accept-encoding']).toBe('identity');
    expect(request?.headers.accept).toBe('application/json');
    expect(request?.headers['user-agent']).toBe('token-broker');
    expect(request?.headers.authorization).toBeUndefined();
    expect(request?.parameters).toEqual({
      grant_type: 'client_credentials',
      scope: 'read',
      client_id: 'client-1',
      client_secret: SECRET,
    });
  });

  test.each<[ClientAuthMethod, string]>([
    ['client_secret_basic', 'client-1:CANARY-secret%3A%25%2B%26%C3%A9'],
    ['client_secret_basic_raw', `client-1:${SECRET}`],
  ])('%s puts the credentials into the header alone', async (clientAuth, credentials) => {
    await asked(json(200, GOOD), { clientAuth });
    const [request] = peer.received;
    expect(request?.headers.authorization).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`);
    expect(request?.parameters).toEqual({ grant_type: 'client_credentials', scope: 'read' });
  });

  test('each attempt has a connection of its own', async () => {
    peer.replyWith(json(503, {}), json(200, GOOD));
    await requestToken(tokenCall(peer.origin));
    expect(peer.received.map(({ headers }) => headers.connection)).toEqual(['close', 'close']);
    expect(new Set(peer.received.map(({ port }) => port)).size).toBe(2);
  });

  test('a public client sends its id alone', async () => {
    await asked(json(200, GOOD), { clientAuth: 'none', client: { clientId: 'public-1' } });
    expect(peer.received[0]?.parameters).toEqual({
      grant_type: 'client_credentials',
      scope: 'read',
      client_id: 'public-1',
    });
  });

  test('an assertion is RS256, lives a minute, has no nbf, and is fresh for every attempt', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const secret = {
      client_id: 'client-1',
      private_key: privateKey.export({ type: 'pkcs1', format: 'pem' }),
      key_id: 'k1',
    };
    const client = await parseClient(new Redacted(JSON.stringify(secret)), 'private_key_jwt', 'demo');
    peer.replyWith(text(503, ''), json(200, GOOD));
    const call = tokenCall(peer.origin, {
      endpoints: { issuer: 'https://issuer.example', tokenEndpoint: `${peer.origin}/token` },
      clientAuth: 'private_key_jwt',
      client,
    });
    const { clock } = call.budget;
    await requestToken(call);

    const ids = new Set();
    for (const { parameters } of peer.received) {
      const { client_assertion: assertion = '', ...rest } = parameters;
      expect(rest).toEqual({
        grant_type: 'client_credentials',
        scope: 'read',
        client_id: 'client-1',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      const { payload, protectedHeader } = await jwtVerify(assertion, publicKey, {
        audience: `${peer.origin}/token`,
        currentDate: new Date(clock.now()),
      });
      expect(protectedHeader).toEqual({ alg: 'RS256', kid: 'k1', typ: 'JWT' });
      expect(payload).toMatchObject({ iss: 'client-1', sub: 'client-1' });
      expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub']);
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
      ids.add(payload.jti);
    }
    expect(ids.size).toBe(2);
  });

  test('a key signs by the first of its algorithms that the server takes, and not at all where it takes none', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const secret = {
      client_id: 'client-1',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
    const client = await parseClient(new Redacted(JSON.stringify(secret)), 'private_key_jwt', 'demo');
    const by = (assertionAlgorithms: string[]) =>
      asked(json(200, GOOD), {
        endpoints: { tokenEndpoint: `${peer.origin}/token`, assertionAlgorithms },
        clientAuth: 'private_key_jwt',
        client,
      });
    await by(['ES256', 'PS256']);
    const { protectedHeader } = await jwtVerify(peer.received[0]!.parameters.client_assertion!, publicKey, {
      currentDate: new Date(tokenCall(peer.origin).budget.clock.now()),
    });
    expect(protectedHeader.alg).toBe('PS256');
    await expect(by(['ES256'])).rejects.toMatchObject({
      code: 'secret_unavailable',
      message: expect.stringContaining(
        'signs by RS256 or PS256, and the server takes none of these: it takes ES256',
      ),
    });
    expect(peer.received).toHaveLength(0);
  });

  test('a certificate beside the key is named by its thumbprint, and refused if it is another key’s', async () => {
    const pem = (name: string) =>
      readFileSync(new URL(`../../node_modules/dynalite/ssl/${name}.pem`, import.meta.url), 'utf8');
    const secret = { client_id: 'client-1', private_key: pem('server-key'), certificate: pem('server-crt') };
    const client = await parseClient(new Redacted(JSON.stringify(secret)), 'private_key_jwt', 'demo');
    await asked(json(200, GOOD), { clientAuth: 'private_key_jwt', client });
    const header = decodeProtectedHeader(peer.received[0]!.parameters.client_assertion!);
    const der = Buffer.from(secret.certificate.replace(/-----[^-]+-----/g, ''), 'base64');
    expect(header['x5t#S256']).toBe(createHash('sha256').update(der).digest('base64url'));

    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const other = { ...secret, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
    await expect(
      parseClient(new Redacted(JSON.stringify(other)), 'private_key_jwt', 'demo'),
    ).rejects.toMatchObject({ message: expect.stringContaining('certificate is not of private_key') });
  });
});

describe('tokens', () => {
  test('a token is a Bearer token however the vendor spells it, and bears its scope and the time from which its life counts', async () => {
    const budget = budgetOf();
    const answer = { ...GOOD, token_type: 'bEaReR', scope: 'read' };
    const reply = await asked(json(200, answer), { budget });
    const token = reply.token();
    expect(token.accessToken.reveal()).toBe('CANARY-token');
    expect(token).toMatchObject({
      tokenType: 'Bearer',
      scope: 'read',
      mintedAt: budget.clock.now(),
      expiresAt: budget.clock.now() + 3_600_000,
      fingerprint: fingerprint(new Redacted('CANARY-token')),
    });
    expect(reply.refreshToken).toBeUndefined();
  });

  test.each([
    [201, GOOD],
    [202, GOOD],
  ])('status %i with a token is a success', async (status, answer) => {
    const reply = await asked(json(status, answer));
    expect(reply.token().tokenType).toBe('Bearer');
  });

  test('a token is read whatever the content type says, and after a byte order mark', async () => {
    const reply = await asked(text(200, `\uFEFF${JSON.stringify(GOOD)}`, { 'content-type': 'text/html' }));
    expect(reply.token().accessToken.reveal()).toBe('CANARY-token');
  });

  test.each([undefined, null, ''])('token_type %j counts as Bearer', async (tokenType) => {
    const reply = await asked(json(200, { ...GOOD, token_type: tokenType }));
    expect(reply.token().tokenType).toBe('Bearer');
  });

  test.each([
    ['DPoP', 'of type DPoP'],
    ['mac', 'of type mac'],
    ['N_A', 'of type N_A'],
    ['Bearer CANARY', 'of an odd type'],
    [['bearer'], 'of an odd type'],
    [7, 'of an odd type'],
    [{ a: 1 }, 'of an odd type'],
    ['Bearer\r\nX-Evil: 1', 'of an odd type'],
  ])('a token of type %j is refused, after its refresh token is known', async (tokenType, named) => {
    const reply = await asked(json(200, { ...GOOD, token_type: tokenType, refresh_token: 'r' }));
    expect(reply.refreshToken?.reveal()).toBe('r');
    expect(reply.token).toThrow(
      expect.objectContaining({ code: 'vendor_rejected', message: expect.stringContaining(named) }),
    );
  });

  test('a dialect’s own member names are adapted first', async () => {
    const dialect: TokenCall['dialect'] = {
      encoding: 'form',
      defaultLifetime: 300,
      adapt: ({ type, ...rest }) => ({ ...rest, token_type: type }),
    };
    const reply = await asked(json(200, { access_token: 'a', type: 'bearer', token_type: 'mac' }), {
      dialect,
    });
    expect(reply.token().tokenType).toBe('Bearer');
  });

  test.each<[unknown, number]>([
    [3600, 3600],
    ['3600', 3600],
    [1.5, 1.5],
    [86_401, 86_400],
    [1e300, 86_400],
    ['99999999999', 86_400],
    [0, 300],
    [-5, 300],
    ['0', 300],
    ['-5', 300],
    ['soon', 300],
    ['1e3', 300],
    ['', 300],
    [null, 300],
    [true, 300],
    [{}, 300],
    [[60], 300],
    [undefined, 300],
  ])('expires_in %j is a life of %d s', async (expiresIn, seconds) => {
    const reply = await asked(json(200, { ...GOOD, expires_in: expiresIn }));
    const token = reply.token();
    expect(token.expiresAt - token.mintedAt).toBe(seconds * 1000);
  });

  test.each([
    ['access_token', 'two words'],
    ['access_token', 'line\nbreak'],
    ['access_token', 'nul\u0000'],
    ['access_token', 'tokén'],
  ])('%s %j, which could break out of a header, is no token', async (member, value) => {
    const reply = await asked(json(200, { ...GOOD, [member]: value }));
    expect(() => reply.token()).toThrow(
      expect.objectContaining({ code: 'vendor_unavailable', message: expect.stringContaining(member) }),
    );
  });
});

describe('refresh tokens', () => {
  test.each<[string, Record<string, unknown>]>([
    ['no access token', { access_token: undefined }],
    ['an odd access token', { access_token: 7 }],
    ['an odd token type', { token_type: [] }],
    ['an odd expiry', { expires_in: {} }],
    ['an odd scope', { scope: 5 }],
    ['an id token that is none', { id_token: 'x' }],
    ['an error', { error: 'server_error' }],
  ])('a refresh token beside %s can be kept before the rest is judged', async (_, odd) => {
    const reply = await asked(json(200, { ...GOOD, refresh_token: 'CANARY-refresh', ...odd }));
    expect(reply.refreshToken?.reveal()).toBe('CANARY-refresh');
  });

  test.each([undefined, null, '', 7, ['x'], { a: 1 }])('refresh_token %j is none', async (refreshToken) => {
    const reply = await asked(json(200, { ...GOOD, refresh_token: refreshToken }));
    expect(reply.refreshToken).toBeUndefined();
    expect(reply.token().accessToken.reveal()).toBe('CANARY-token');
  });

  test('without an access token beside it, the rest is judged a failure', async () => {
    const reply = await asked(json(200, { refresh_token: 'r' }));
    expect(() => reply.token()).toThrow(expect.objectContaining({ code: 'vendor_unavailable' }));
  });

  test('with an error beside both tokens, the rest is judged by the error', async () => {
    const reply = await asked(json(200, { ...GOOD, refresh_token: 'r', error: 'invalid_scope' }));
    expect(() => reply.token()).toThrow(
      expect.objectContaining({ code: 'vendor_rejected', vendorError: 'invalid_scope' }),
    );
  });
});

describe('failures', () => {
  const definitive: [string, Reply, string | undefined][] = [
    [
      '400 with an error',
      json(400, { error: 'invalid_scope', error_description: 'CANARY' }),
      'invalid_scope',
    ],
    ['400 with a message only', json(400, { message: 'Unknown clientId CANARY' }), undefined],
    ['400 with {}', json(400, {}), undefined],
    ['400 with nothing', text(400, ''), undefined],
    ['400 with HTML', text(400, HTML, { 'content-type': 'text/html' }), undefined],
    ['400 with an array', json(400, ['CANARY']), undefined],
    [
      '401 with a challenge',
      json(401, { error: 'invalid_client' }, { 'www-authenticate': 'Basic realm="CANARY"' }),
      'invalid_client',
    ],
    ['401 with a challenge only', text(401, '', { 'www-authenticate': 'Bearer error="CANARY"' }), undefined],
    ['401 with nothing', text(401, ''), undefined],
    ['403 with HTML', text(403, HTML), undefined],
    ['404', text(404, ''), undefined],
    ['200 with an error', json(200, { error: 'invalid_client' }), 'invalid_client'],
    ['200 with an Error', json(200, { Error: 'invalid_client' }), 'invalid_client'],
    ['200 with an odd error', json(200, { error: { code: 'CANARY' } }), undefined],
    ['an error with a quote', json(400, { error: 'CANARY"quoted' }), undefined],
    ['an error with a backslash', json(400, { error: 'CANARY\\' }), undefined],
    ['an error with a line break', json(400, { error: 'CANARY\nline' }), undefined],
    ['an error beyond ASCII', json(400, { error: 'CANARYé' }), undefined],
    ['an endless error', json(400, { error: 'CANARY'.repeat(20) }), undefined],
    ['an error that is a number', json(400, { error: 17 }), undefined],
    ['an empty error', json(400, { error: '' }), undefined],
  ];
  test.each(definitive)('%s is a definitive refusal', async (_, reply, vendorError) => {
    const error = await refused(reply);
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError, ambiguous: false });
    expect(error.message).toContain(peer.host);
    expect(peer.received).toHaveLength(1);
  });

  const passing: [string, Reply][] = [
    ['500 with HTML', text(500, HTML)],
    ['502 with nothing', text(502, '')],
    ['503 with an error', json(503, { error: 'invalid_grant' })],
    ['408', text(408, '')],
    ['a status beyond the standard', text(999, '')],
    ['temporarily_unavailable', json(400, { error: 'temporarily_unavailable' })],
    ['server_error in a 200', json(200, { error: 'server_error' })],
    ['200 with HTML', text(200, HTML)],
    ['200 with nothing', text(200, '')],
    ['204', text(204, '')],
    ['200 with an array', json(200, [GOOD])],
    ['200 with null', json(200, null)],
    ['200 with a string', json(200, 'CANARY')],
    ['200 with {}', json(200, {})],
    ['200 with a message only', json(200, { message: 'CANARY' })],
    ['200 with an odd access token', json(200, { access_token: 7 })],
    [
      '200 with a compressed body',
      text(200, Buffer.from([31, 139, 8, 0, 0]), { 'content-encoding': 'gzip' }),
    ],
    ['a truncated answer', truncated],
    ['an answer over 1 MiB', text(200, JSON.stringify({ ...GOOD, pad: 'x'.repeat(1_048_576) }))],
    ['an endless answer', endless],
    ['a dropped connection', hangUp],
    ['headers beyond all measure', text(200, '', { 'x-pad': 'x'.repeat(60_000) })],
  ];
  test.each(passing)(
    '%s may have been acted on, and is asked again where that does no harm',
    async (_, reply) => {
      const error = await refused(reply);
      expect(error).toMatchObject({ code: 'vendor_unavailable', vendorError: undefined, ambiguous: true });
      expect(error.message).toContain(peer.host);
      expect(peer.received).toHaveLength(2);
    },
  );

  test.each(passing)('%s is not asked again where that could spend something twice', async (_, reply) => {
    const error = await refused(reply, { resend: 'unsent' });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: true });
    expect(peer.received).toHaveLength(1);
  });

  test('a vendor that passes is asked again, and its token given', async () => {
    peer.replyWith(hangUp, json(200, GOOD));
    const reply = await requestToken(tokenCall(peer.origin));
    expect(reply.token().accessToken.reveal()).toBe('CANARY-token');
  });

  test('a silent vendor is given up on in time', async () => {
    const error = await refused(silence, {
      budget: budgetOf(undefined, { attemptTimeout: 100, attempts: 1 }),
    });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: true });
    expect(error.message).toContain('in time');
  });

  test('a body that never ends is given up on in time', async () => {
    const trickle: Reply = (response) => response.writeHead(200).write('{');
    const error = await refused(trickle, {
      budget: budgetOf(undefined, { attemptTimeout: 100, attempts: 1 }),
    });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: true });
  });

  test.each([301, 302, 303, 307, 308])('a redirect by %i is not followed', async (status) => {
    const error = await refused(text(status, '', { location: `${peer.origin}/elsewhere` }));
    expect(error).toMatchObject({ code: 'vendor_unavailable' });
    expect(error.message).toContain('redirects are not followed');
    expect(peer.received.map(({ path }) => path)).toEqual(['/token']);
  });

  test('a host that cannot be reached has seen nothing, and is tried again even for a refresh', async () => {
    const closed = await startHttpPeer();
    await closed.close();
    const call = tokenCall(closed.origin, { resend: 'unsent' });
    const error = await vendorErrorOf(requestToken(call));
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(error.message).toContain('ECONNREFUSED');
    expect((call.budget as ReturnType<typeof budgetOf>).clock.pauses).toHaveLength(1);
  });

  test('a name that does not resolve has seen nothing', async () => {
    const call = tokenCall('https://vendor.invalid', { budget: budgetOf(undefined, { attempts: 1 }) });
    const error = await vendorErrorOf(requestToken(call));
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(error.message).toContain('vendor.invalid');
  });

  test('a server that speaks no TLS behind https has seen no request', async () => {
    const error = await refused(json(200, GOOD), {
      endpoints: { tokenEndpoint: `https://${peer.host}/token` },
      resend: 'unsent',
    });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(peer.received).toHaveLength(0);
  });

  test.each([
    ['http://vendor.example/token', 'vendor_unavailable'],
    ['https://user:CANARY@vendor.example/token', 'vendor_unavailable'],
    ['ftp://127.0.0.1/', 'internal'],
    ['no URL CANARY', 'internal'],
  ])('%s is never asked', async (url, code) => {
    const error = await brokerErrorOf(requestToken(tokenCall('', { endpoints: { tokenEndpoint: url } })));
    expect(error.code).toBe(code);
    expect(inspect(error)).not.toContain('CANARY');
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1);
  test.each<[string, number]>([
    ['3', 3000],
    ['0', 0],
    [new Date(now + 5000).toUTCString(), 5000],
    [new Date(now - 5000).toUTCString(), 0],
  ])('%s is waited for', async (header, milliseconds) => {
    const budget = budgetOf(fakeClock(now));
    peer.replyWith(text(429, '', { 'retry-after': header }), json(200, GOOD));
    const reply = await requestToken(tokenCall(peer.origin, { budget, resend: 'unsent' }));
    expect(reply.token().tokenType).toBe('Bearer');
    expect(budget.clock.pauses).toHaveLength(1);
    expect(budget.clock.pauses[0]).toBeGreaterThanOrEqual(milliseconds);
    expect(budget.clock.pauses[0]).toBeLessThanOrEqual(Math.max(milliseconds, 300));
  });

  test.each<[string, number]>([
    ['25', 25],
    ['3600', 60],
    ['99999999999999', 60],
    [new Date(now + 3_600_000).toUTCString(), 60],
  ])('%s does not fit the budget, so that it is passed on at once, capped', async (header, seconds) => {
    const budget = budgetOf(fakeClock(now));
    const reply = text(429, '', { 'retry-after': header });
    const error = await refused(reply, { budget });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false, retryAfter: seconds });
    expect(budget.clock.pauses).toEqual([]);
    expect(peer.received).toHaveLength(1);
  });

  test('a wait beyond the cap is never cut short', async () => {
    const budget = budgetOf(fakeClock(now), { deadline: now + 600_000 });
    await refused(text(503, '', { 'retry-after': '3600' }), { budget });
    expect(peer.received).toHaveLength(1);
  });

  test.each(['soon', '-5', '1.5', '', '2026-01-01'])('%j is ignored', async (header) => {
    const budget = budgetOf(fakeClock(now));
    const error = await refused(text(429, '', { 'retry-after': header }), { budget });
    expect(error.retryAfter).toBeUndefined();
    expect(peer.received).toHaveLength(2);
    expect(budget.clock.pauses[0]).toBeLessThanOrEqual(300);
  });
});

describe('time', () => {
  test('nothing is sent after the deadline', async () => {
    const clock = fakeClock();
    const error = await refused(json(200, GOOD), { budget: budgetOf(clock, { deadline: clock.now() }) });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(peer.received).toHaveLength(0);
  });

  test('a process that slept past the deadline while connecting sends nothing', async () => {
    const clock = fakeClock();
    let reads = 0;
    const thawing = {
      ...clock,
      // The first look is at the beginning; before the second, the process was frozen for an hour.
      now: () => clock.now() + (reads++ === 0 ? 0 : 3_600_000),
    };
    const error = await refused(json(200, GOOD), {
      budget: { clock: thawing, deadline: clock.now() + 20_000, attemptTimeout: 8_000, attempts: 2 },
    });
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(error.message).toContain('nothing was sent');
    expect(peer.received).toHaveLength(0);
  });

  test('no pause goes beyond the deadline', async () => {
    const clock = fakeClock();
    const budget = budgetOf(clock, { deadline: clock.now() + 90 });
    await refused(text(503, ''), { budget });
    expect(peer.received).toHaveLength(1);
    expect(clock.pauses).toEqual([]);
  });

  test('there are no more attempts than the budget has', async () => {
    await refused(text(503, ''), { budget: budgetOf(undefined, { attempts: 3 }) });
    expect(peer.received).toHaveLength(3);
  });
});

describe('leaks', () => {
  test('a demo secret that happens to be part of an error code does not hide it', async () => {
    const client = { clientId: 'c', clientSecret: new Redacted('client') };
    const error = await refused(json(401, { error: 'invalid_client' }), { client });
    expect(error.vendorError).toBe('invalid_client');
  });

  const sent = Buffer.from('plain+CANARY/key');
  test.each([
    ['raw', 'key-plain.CANARY.key-1', 'plain.CANARY.key'],
    ['in base64', sent.toString('base64').replaceAll('=', ''), sent.toString()],
    ['in base64url', `at.${sent.toString('base64url')}`, sent.toString()],
    ['in hex', sent.toString('hex').toUpperCase(), sent.toString()],
    ['in part', 'NARY-secret-and-more', 'my-CANARY-secret-and-more-of-it'],
  ])('an error code that repeats the secret %s is not shown', async (_, error, secret) => {
    const client = { clientId: 'c', clientSecret: new Redacted(secret) };
    for (const clientAuth of ['client_secret_post', 'client_secret_basic_raw'] as const) {
      const refusal = await refused(json(400, { error }), { client, clientAuth });
      expect(refusal.code).toBe('vendor_rejected');
      expect(refusal.vendorError).toBeUndefined();
      expect(refusal.message).not.toContain(error);
    }
  });

  test('an error code that repeats the Basic credentials is not shown', async () => {
    const client = { clientId: 'c', clientSecret: new Redacted('a-CANARY-key') };
    const error = Buffer.from('c:a-CANARY-key').toString('base64').replaceAll('=', '');
    const refusal = await refused(json(400, { error }), { client, clientAuth: 'client_secret_basic_raw' });
    expect(refusal.vendorError).toBeUndefined();
  });

  test.each(['with blanks', 'a:b', 'a/b', 'x'.repeat(65)])(
    '%j is no error code to be shown',
    async (error) => {
      expect((await refused(json(400, { error }))).vendorError).toBeUndefined();
    },
  );

  const replies: [string, Reply][] = [
    ['an odd token answer', json(200, { ...GOOD, access_token: 'CANARY token', refresh_token: 'CANARY-r' })],
    ['an answer without a token', json(200, { id_token: 'CANARY', message: 'CANARY' })],
    ['a refusal that quotes the secret', json(400, { error: SECRET, error_description: SECRET })],
    ['a refusal that quotes it inside', json(401, { error: 'bad-plain-CANARY-key' })],
    ['a challenge', json(401, { error: 'CANARY\u0007' }, { 'www-authenticate': 'Basic realm="CANARY"' })],
    ['a page', text(502, HTML)],
    ['a truncated answer', truncated],
    ['a redirect', text(302, '', { location: 'https://evil.example/?CANARY' })],
    ['garbage where a status line belongs', (response) => response.socket?.end('CANARY\r\n\r\n')],
  ];
  test.each(replies)('%s leaves nothing of itself in the error', async (_, reply) => {
    peer.replyWith(reply);
    const call = tokenCall(peer.origin, {
      client: { clientId: 'c', clientSecret: new Redacted('plain-CANARY-key') },
    });
    const error = await requestToken(call).then(
      (answer) => {
        expect(inspect(answer, { depth: 9, showHidden: true })).not.toContain('CANARY');
        try {
          return answer.token();
        } catch (thrown) {
          return thrown;
        }
      },
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    const shown = [
      inspect(error, { depth: 9, showHidden: true }),
      JSON.stringify(error),
      String((error as Error).stack),
      String(error),
    ].join();
    expect(shown).not.toContain('CANARY');
  });
});
