import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createTokenClient, TokenBrokerError } from '../../shared/client/index.ts';
import { endless, hangUp, json, silence, text } from '../support/http-peer.ts';
import { brokerError, caught, clientOf, frozenDate, LOCAL_KEYS, scriptedPeer, token } from './support.ts';

const context = scriptedPeer();
const date = frozenDate();

describe('a token', () => {
  test('has all that a caller needs, and the header ready', async () => {
    context.peer.replyWith(token(3600, { access_token: 'secret', token_type: 'bearer', scope: 'a b' }));
    const got = await clientOf(context.peer).token('crash', {
      scope: 'a b',
      subject: 's',
      params: { p: 'v' },
      minTtl: 60,
    });
    expect(got).toMatchObject({ accessToken: 'secret', tokenType: 'bearer', scope: 'a b', source: 'vendor' });
    expect(got.authorization).toBe('bearer secret');
    expect(got.fingerprint).toBe(createHash('sha256').update('secret').digest('base64url'));
    expect(got.expiresAt.getTime() - got.mintedAt.getTime()).toBeGreaterThan(3_590_000);
    const [asked] = context.peer.received;
    expect(asked).toMatchObject({ method: 'POST', path: '/connections/crash/token' });
    expect(JSON.parse(asked!.body)).toEqual({ scope: 'a b', subject: 's', params: { p: 'v' }, min_ttl: 60 });
    expect(asked!.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=local\/\d+\/us-east-1\/execute-api\//,
    );
  });

  test('shows itself in no log', async () => {
    context.peer.replyWith(token(3600, { access_token: 'secret' }));
    const got = await clientOf(context.peer).token('crash');
    expect(inspect(got, { depth: 9, showHidden: true }) + JSON.stringify(got) + String(got)).not.toContain(
      'secret',
    );
    expect(got.accessToken).toBe('secret');
  });
});

describe('calls of one process', () => {
  test('100 at once are one call of the broker, and later ones none', async () => {
    context.peer.replyWith(token(3600));
    const client = clientOf(context.peer);
    const got = await Promise.all(Array.from({ length: 100 }, () => client.token('crash')));
    expect(new Set(got.map(({ accessToken }) => accessToken)).size).toBe(1);
    await client.token('crash', { subject: 'default' });
    expect(context.peer.received).toHaveLength(1);
  });

  test('for another connection, scope, subject or params are calls of their own', async () => {
    context.peer.replyWith(...Array.from({ length: 6 }, () => token(3600)));
    const client = clientOf(context.peer);
    const got = await Promise.all([
      client.token('a'),
      client.token('b'),
      client.token('a', { scope: 'x' }),
      client.token('a', { scope: 'x y' }),
      client.token('a', { subject: 's' }),
      client.token('a', { params: { x: 'y' } }),
    ]);
    expect(new Set(got.map(({ accessToken }) => accessToken)).size).toBe(6);
    await client.token('a', { scope: 'y x' });
    expect(context.peer.received).toHaveLength(6);
  });

  test('that fail together fail alike, and the next one asks again', async () => {
    context.peer.replyWith(brokerError(409, 'consent_required'), token(3600));
    const client = clientOf(context.peer);
    const errors = await Promise.all(Array.from({ length: 10 }, () => caught(client.token('crash'))));
    expect(
      errors.every((error) => error instanceof TokenBrokerError && error.code === 'consent_required'),
    ).toBe(true);
    expect(context.peer.received).toHaveLength(1);
    await expect(client.token('crash')).resolves.toHaveProperty('accessToken');
  });

  test('one that is aborted leaves the others their token', async () => {
    context.peer.replyWith(token(3600));
    const client = clientOf(context.peer);
    const controller = new AbortController();
    const aborted = caught(client.token('crash', { signal: controller.signal }));
    const other = client.token('crash');
    controller.abort(new Error('enough'));
    expect(await aborted).toEqual(new Error('enough'));
    await expect(other).resolves.toHaveProperty('accessToken');
    expect(context.peer.received).toHaveLength(1);
    expect(await caught(client.token('crash', { signal: AbortSignal.abort('early') }))).toBe('early');
  });
});

describe('near its expiry a token', () => {
  beforeEach(() => date.freeze());

  test('is renewed beside the callers, who get the old one at once', async () => {
    context.peer.replyWith(token(3600), token(3600));
    const client = clientOf(context.peer);
    const first = await client.token('crash');
    date.advance(3299);
    expect(await client.token('crash')).toBe(first);
    expect(context.peer.received).toHaveLength(1);
    date.advance(2);
    expect(await client.token('crash')).toBe(first);
    await vi.waitFor(async () => expect(await client.token('crash')).not.toBe(first));
    expect(context.peer.received).toHaveLength(2);
  });

  test('of short life is renewed when a fifth is left', async () => {
    context.peer.replyWith(token(100));
    const client = clientOf(context.peer);
    await client.token('crash');
    date.advance(79);
    await client.token('crash');
    expect(context.peer.received).toHaveLength(1);
    date.advance(2);
    await client.token('crash');
    await vi.waitFor(() => expect(context.peer.received).toHaveLength(2));
  });

  test('is served while the broker is unreachable, to its very end, and then the failure is told', async () => {
    context.peer.replyWith(token(3600), hangUp);
    const client = clientOf(context.peer, { timeout: 500 });
    const first = await client.token('crash');
    date.advance(3500);
    expect(await client.token('crash')).toBe(first);
    date.advance(95);
    const last = await client.token('crash');
    expect(last.accessToken).toBe(first.accessToken);
    expect(last.warning).toMatch(/still valid, but could not be renewed: .*cannot be reached/);
    date.advance(6);
    expect(await caught(client.token('crash'))).toMatchObject({
      code: 'broker_unavailable',
      retryable: true,
    });
  });

  test('is served before it expires when the broker is silent, and nobody else has to wait', async () => {
    context.peer.replyWith(token(3600), silence);
    const client = clientOf(context.peer, { timeout: 20_000 });
    const first = await client.token('crash');
    date.advance(3599.6);
    const last = await client.token('crash');
    expect(last.accessToken).toBe(first.accessToken);
    expect(last.warning).toMatch(/slow to answer/);
  });

  test('is served at once for some seconds after the broker was found unreachable', async () => {
    context.peer.replyWith(token(3600), brokerError(503, 'store_unavailable', { retry_after: 60 }));
    const client = clientOf(context.peer);
    await client.token('crash');
    const asked = () => client.token('crash', { minTtl: 3601 });
    expect((await asked()).warning).toMatch(/store_unavailable/);
    expect((await asked()).warning).toMatch(/store_unavailable/);
    expect(context.peer.received).toHaveLength(2);
    date.advance(61);
    await asked();
    expect(context.peer.received).toHaveLength(3);
  });

  test('is not served once the broker has said no', async () => {
    context.peer.replyWith(token(3600), brokerError(403, 'access_denied'));
    const client = clientOf(context.peer);
    await client.token('crash');
    date.advance(3595);
    expect(await caught(client.token('crash'))).toMatchObject({ code: 'access_denied', retryable: false });
  });

  test('does not do for a caller who needs it longer', async () => {
    context.peer.replyWith(token(600), token(3600));
    const client = clientOf(context.peer);
    const first = await client.token('crash');
    expect(await client.token('crash', { minTtl: 500 })).toBe(first);
    const second = await client.token('crash', { minTtl: 601 });
    expect(second).not.toBe(first);
    expect(await client.token('crash')).toBe(second);
  });

  test('that failed to renew is left alone for some seconds', async () => {
    context.peer.replyWith(token(3600), brokerError(403, 'access_denied'));
    const client = clientOf(context.peer);
    await client.token('crash');
    date.advance(3400);
    await client.token('crash');
    await vi.waitFor(() => expect(context.peer.received).toHaveLength(2));
    // The refusal has arrived when a further call is answered.
    await caught(client.token('other'));
    await client.token('crash');
    date.advance(4);
    await client.token('crash');
    expect(context.peer.received).toHaveLength(3);
    date.advance(2);
    await client.token('crash');
    await vi.waitFor(() => expect(context.peer.received).toHaveLength(4));
  });
});

describe('a failure', () => {
  test.each([
    [brokerError(409, 'consent_required'), 'consent_required', false, undefined],
    [
      brokerError(502, 'vendor_rejected', { vendor_error: 'invalid_scope' }),
      'vendor_rejected',
      false,
      undefined,
    ],
    [brokerError(503, 'vendor_unavailable', { retry_after: 60 }), 'vendor_unavailable', true, 60],
    [json(403, { message: 'Forbidden' }), 'not_authorized', false, undefined],
    [json(429, { message: 'Too Many Requests' }, { 'retry-after': '60' }), 'broker_unavailable', true, 60],
    [text(502, '<html>'), 'broker_unavailable', true, undefined],
    [text(302, '', { location: 'http://127.0.0.1:9/' }), 'broker_unavailable', true, undefined],
    [json(200, { access_token: 'a' }), 'broker_unavailable', true, undefined],
    [json(200, ['a']), 'broker_unavailable', true, undefined],
    [endless, 'broker_unavailable', true, undefined],
    [silence, 'broker_unavailable', true, undefined],
  ])('of kind %# is typed: %s', async (reply, code, retryable, retryAfter) => {
    context.peer.replyWith(reply);
    const error = await caught(clientOf(context.peer, { timeout: 300 }).token('crash'));
    expect(error).toBeInstanceOf(TokenBrokerError);
    expect(error).toMatchObject({ code, retryable, retryAfter });
    if (code === 'vendor_rejected') expect(error).toMatchObject({ vendorError: 'invalid_scope' });
  });

  test('that may pass is tried again, when the broker says', async () => {
    context.peer.replyWith(brokerError(503, 'busy', { retry_after: 0 }), hangUp, token(3600));
    await expect(clientOf(context.peer).token('crash')).resolves.toHaveProperty('accessToken');
    expect(context.peer.received).toHaveLength(3);
  });

  test('that will not pass, or not in time, is not', async () => {
    for (const reply of [brokerError(403, 'access_denied'), brokerError(503, 'busy', { retry_after: 60 })]) {
      context.peer.replyWith(reply);
      await caught(clientOf(context.peer).token('crash'));
      expect(context.peer.received).toHaveLength(1);
    }
  });

  test('never quotes a token that no header could carry', async () => {
    context.peer.replyWith(token(3600, { access_token: 'secret\nvalue' }));
    const error = await caught(clientOf(context.peer, { timeout: 300 }).token('crash'));
    expect(error).toMatchObject({ code: 'broker_unavailable' });
    expect(inspect(error)).not.toContain('secret');
  });
});

describe('what cannot be used is refused before anything is sent', () => {
  test.each([
    [{ endpoint: 'http://broker.example.com' }, {}, /^endpoint: must be an https URL/],
    [{ endpoint: 'https://user:pw@broker.example.com' }, {}, /^endpoint: must be/],
    [{ endpoint: 'broker' }, {}, /^endpoint: must be/],
    [{ endpoint: 'https://broker.example.com' }, { timeout: 0 }, /^timeout: /],
  ])('%j %j', (location, options, message) => {
    expect(() => createTokenClient(location, { region: 'eu-west-1', ...options })).toThrow(message);
  });

  test.each(['', '../health', '123', 'a/b', 'a'.repeat(65)])('the connection name "%s"', async (name) => {
    context.peer.replyWith(token(3600));
    expect(await caught(clientOf(context.peer).token(name))).toMatchObject({ code: 'invalid_request' });
    expect(context.peer.received).toHaveLength(0);
  });

  test('a Region that nothing names', () => {
    vi.stubEnv('AWS_REGION', '');
    vi.stubEnv('AWS_DEFAULT_REGION', '');
    expect(() => createTokenClient({ functionName: 'token-broker-invoke' })).toThrow(/AWS_REGION/);
    vi.unstubAllEnvs();
  });
});

describe('credentials', () => {
  test('are asked for again shortly before they expire', async () => {
    date.freeze();
    let asked = 0;
    const credentials = async () => {
      asked += 1;
      return { ...(await LOCAL_KEYS()), expiration: new Date(Date.now() + 3_600_000) };
    };
    context.peer.replyWith(token(3600));
    const client = clientOf(context.peer, { credentials });
    await client.token('a');
    await client.token('b');
    expect(asked).toBe(1);
    date.advance(3400);
    await client.token('c');
    expect(asked).toBe(2);
  });

  test('that cannot be had are told, and asked for anew the next time', async () => {
    context.peer.replyWith(token(3600));
    const failures = [new TokenBrokerError('no_credentials', 'None.')];
    const credentials = async () => {
      const failure = failures.pop();
      if (failure) throw failure;
      return LOCAL_KEYS();
    };
    const client = clientOf(context.peer, { credentials });
    expect(await caught(client.token('crash'))).toMatchObject({ code: 'no_credentials', retryable: false });
    await expect(client.token('crash')).resolves.toHaveProperty('accessToken');
  });
});
