import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redacted } from '../../shared/contract/redacted.ts';
import { requestDeviceAuthorization } from '../../shared/oauth/device.ts';
import { pushAuthorizationRequest } from '../../shared/oauth/pushed-authorization.ts';
import { revokeToken } from '../../shared/oauth/revocation.ts';
import { getUserinfo } from '../../shared/oauth/userinfo.ts';
import {
  type HttpPeer,
  hangUp,
  json,
  type Reply,
  startHttpPeer,
  text,
  truncated,
} from '../support/http-peer.ts';
import { budgetOf, tokenCall, vendorErrorOf } from './support.ts';

let peer: HttpPeer;
beforeAll(async () => {
  peer = await startHttpPeer();
});
afterAll(() => peer.close());

function call() {
  const { endpoints, ...rest } = tokenCall(peer.origin);
  return {
    ...rest,
    endpoints: {
      ...endpoints,
      deviceAuthorizationEndpoint: `${peer.origin}/device`,
      revocationEndpoint: `${peer.origin}/revoke`,
      authorizationEndpoint: `${peer.origin}/authorize?tenant=1`,
      pushedAuthorizationRequestEndpoint: `${peer.origin}/par`,
    },
  };
}

describe('a pushed authorization request', () => {
  const push = (reply: Reply) => {
    peer.replyWith(reply);
    const request = `${peer.origin}/authorize?tenant=1&client_id=client-1&state=CANARY-state&nonce=CANARY-nonce`;
    return pushAuthorizationRequest({ ...call(), request });
  };

  test('leaves the browser with the client and the handle alone', async () => {
    const url = new URL(await push(json(201, { request_uri: 'urn:example:1', expires_in: 60 })));
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: '1',
      client_id: 'client-1',
      request_uri: 'urn:example:1',
    });
    expect(peer.received[0]?.parameters).toMatchObject({ state: 'CANARY-state', nonce: 'CANARY-nonce' });
  });

  test.each<[string, Reply]>([
    ['nothing', json(201, {})],
    ['a list', json(201, { request_uri: ['urn:example:1'] })],
  ])('that is answered with %s has failed', async (_, reply) => {
    expect((await vendorErrorOf(push(reply))).message).toContain('without a request_uri');
  });

  test.each(['CANARY-state', 'CANARY-nonce'])('whose refusal is %s quotes nothing of it', async (error) => {
    const refusal = await vendorErrorOf(push(json(400, { error })));
    expect(JSON.stringify({ ...refusal, message: refusal.message })).not.toContain('CANARY');
  });
});

describe('device authorization', () => {
  const GOOD = {
    device_code: 'CANARY-device',
    user_code: 'WDJB-MJHT',
    verification_uri: 'https://as.example/device',
    expires_in: 60,
  };
  const start = (reply: Reply, scopes: string[] = []) => {
    peer.replyWith(reply);
    return requestDeviceAuthorization({ ...call(), scopes });
  };

  test('the client is authenticated, and scopes are asked for together', async () => {
    await start(json(200, GOOD), ['a', 'b']);
    expect(peer.received[0]).toMatchObject({ method: 'POST', path: '/device' });
    expect(peer.received[0]?.parameters).toMatchObject({ client_id: 'client-1', scope: 'a b' });
    expect(peer.received[0]?.parameters.client_secret).toBeDefined();
    await start(json(200, GOOD));
    expect(peer.received[0]?.parameters).not.toHaveProperty('scope');
  });

  test('without an interval, five seconds are kept between polls', async () => {
    const { budget } = call();
    const authorization = await start(json(200, GOOD));
    expect(authorization).toMatchObject({
      userCode: 'WDJB-MJHT',
      verificationUri: 'https://as.example/device',
      expiresAt: budget.clock.now() + 60_000,
      interval: 5,
    });
    expect(authorization.verificationUriComplete).toBeUndefined();
    expect(authorization.deviceCode.reveal()).toBe('CANARY-device');
    expect(JSON.stringify(authorization)).not.toContain('CANARY');
  });

  test.each([
    [7, 7],
    ['7', 7],
    [0, 5],
    [-1, 5],
    ['soon', 5],
    [null, 5],
  ])('interval %j is %d s', async (interval, seconds) => {
    expect((await start(json(200, { ...GOOD, interval }))).interval).toBe(seconds);
  });

  test('the page that holds the code already is passed on', async () => {
    const complete = 'https://as.example/device?user_code=WDJB-MJHT';
    const authorization = await start(json(200, { ...GOOD, verification_uri_complete: complete }));
    expect(authorization.verificationUriComplete).toBe(complete);
  });

  test.each([
    ['device_code', undefined],
    ['device_code', 7],
    ['user_code', ''],
    ['user_code', 'a\u001B[2J'],
    ['verification_uri', undefined],
    ['verification_uri', 'http://as.example/device'],
    ['verification_uri', 'javascript:alert(1)'],
    ['verification_uri_complete', 'javascript:alert(1)'],
    ['expires_in', undefined],
    ['expires_in', 0],
  ])('%s %j is nonsense, by name', async (member, value) => {
    const error = await vendorErrorOf(start(json(200, { ...GOOD, [member]: value })));
    expect(error.code).toBe('vendor_unavailable');
    expect(error.message).toContain(member);
  });

  test('a refusal is the vendor’s', async () => {
    const error = await vendorErrorOf(start(json(400, { error: 'unauthorized_client' })));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError: 'unauthorized_client' });
  });
});

describe('revocation', () => {
  const revoke = (...replies: Reply[]) => {
    peer.replyWith(...replies);
    return revokeToken({ ...call(), token: new Redacted('CANARY-token'), tokenTypeHint: 'refresh_token' });
  };

  test('the token is named with its kind, by an authenticated client', async () => {
    await revoke(text(200, ''));
    expect(peer.received[0]).toMatchObject({ method: 'POST', path: '/revoke' });
    expect(peer.received[0]?.parameters).toMatchObject({
      token: 'CANARY-token',
      token_type_hint: 'refresh_token',
      client_id: 'client-1',
    });
  });

  test.each<[string, Reply]>([
    ['an empty 200', text(200, '')],
    ['a 204', text(204, '')],
    ['a page', text(200, '<html>')],
  ])('%s is a success', async (_, reply) => {
    expect(await revoke(reply)).toBeUndefined();
  });

  test('what may pass is tried again', async () => {
    await revoke(hangUp, text(200, ''));
    expect(peer.received).toHaveLength(2);
  });

  test.each<[string, Reply, string]>([
    ['unsupported_token_type', json(400, { error: 'unsupported_token_type' }), 'vendor_rejected'],
    ['an error in a 200', json(200, { error: 'invalid_client' }), 'vendor_rejected'],
    ['a 503', text(503, ''), 'vendor_unavailable'],
    ['a redirect', text(302, '', { location: '/' }), 'vendor_unavailable'],
  ])('%s is a failure', async (_, reply, code) => {
    const error = await vendorErrorOf(revoke(reply));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('CANARY');
  });
});

describe('userinfo', () => {
  const ask = (reply: Reply, rejectionStatuses?: number[]) => {
    peer.replyWith(reply);
    const token = { accessToken: new Redacted('CANARY-token'), tokenType: 'Bearer' };
    return getUserinfo(`${peer.origin}/userinfo`, token, budgetOf(), rejectionStatuses);
  };

  test('the token goes into the header as a Bearer token', async () => {
    expect(await ask(json(200, { customerId: 'c' }))).toEqual({ customerId: 'c' });
    expect(peer.received[0]).toMatchObject({ method: 'GET', path: '/userinfo', body: '' });
    expect(peer.received[0]?.headers.authorization).toBe('Bearer CANARY-token');
  });

  test.each([
    [401, undefined, 'invalid_token'],
    [403, undefined, undefined],
    [403, [401, 403], 'invalid_token'],
  ])('status %i with rejection statuses %j tells a refused token', async (status, statuses, vendorError) => {
    const error = await vendorErrorOf(ask(json(status, { message: 'CANARY' }), statuses));
    expect(error).toMatchObject({ code: 'vendor_rejected', vendorError });
    expect(error.message).not.toContain('CANARY');
  });

  test('an error that quotes the token is not shown', async () => {
    const error = await vendorErrorOf(ask(json(400, { error: 'bad-CANARY-token' })));
    expect(error.vendorError).toBeUndefined();
    expect(error.message).not.toContain('CANARY');
  });

  test.each<[string, Reply]>([
    ['a page', text(200, '<html>')],
    ['an array', json(200, [])],
    ['a 500', text(500, '')],
    ['a truncated answer', truncated],
  ])('%s is no answer', async (_, reply) => {
    expect((await vendorErrorOf(ask(reply))).code).toBe('vendor_unavailable');
    expect(peer.received).toHaveLength(2);
  });
});
