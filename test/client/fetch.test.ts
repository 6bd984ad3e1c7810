import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HttpPeer, json, type Reply, startHttpPeer, text } from '../support/http-peer.ts';
import { brokerError, caught, clientOf, scriptedPeer } from './support.ts';

const context = scriptedPeer();
let api: HttpPeer;
let elsewhere: HttpPeer;
beforeAll(async () => {
  [api, elsewhere] = await Promise.all([startHttpPeer(), startHttpPeer()]);
});
afterAll(() => Promise.all([api.close(), elsewhere.close()]));

/** The broker's part: what the connection is, and a new token for each one that is rejected. */
let mints = 0;
let statuses = [401];
let hosts: string[] = [];
const broker: Reply = (response, received) => {
  if (received.method === 'GET') {
    return json(200, { api_hosts: hosts, rejection_statuses: statuses })(response, received);
  }
  const { rejected } = JSON.parse(received.body) as { rejected?: string };
  if (rejected === fingerprintOf(`t${mints}`)) mints += 1;
  const now = new Date().toISOString();
  const answer = {
    access_token: `t${mints}`,
    token_type: 'Token',
    expires_in: 3600,
    minted_at: now,
    source: 'vendor',
  };
  json(200, answer)(response, received);
};
const fingerprintOf = (accessToken: string) => createHash('sha256').update(accessToken).digest('base64url');

beforeEach(() => {
  [mints, statuses, hosts] = [1, [401], [api.host]];
  context.peer.replyWith(broker);
  elsewhere.replyWith(text(200, 'foreign'));
});

const authorizations = (peer: HttpPeer) => peer.received.map(({ headers }) => headers.authorization);
const redirect = (to: string, status = 302): Reply => text(status, '', { location: to });

describe('client.fetch', () => {
  test('adds the header as the vendor wants it, to a host of the connection', async () => {
    api.replyWith(text(200, 'hello'));
    const response = await clientOf(context.peer).fetch('crash', `${api.origin}/x?y=1`, {
      method: 'POST',
      headers: { 'X-Own': '1', authorization: 'Basic replaced' },
      body: 'body',
    });
    expect(await response.text()).toBe('hello');
    expect(api.received[0]).toMatchObject({ method: 'POST', path: '/x?y=1', body: 'body' });
    expect(api.received[0]!.headers).toMatchObject({ authorization: 'Token t1', 'x-own': '1' });
  });

  test('asks once which hosts those are', async () => {
    api.replyWith(text(200, ''));
    const client = clientOf(context.peer);
    await Promise.all([1, 2, 3].map(() => client.fetch('crash', api.origin)));
    expect(context.peer.received.filter(({ path }) => path === '/connections/crash')).toHaveLength(1);
  });

  test('with apiHosts given does not ask, and goes nowhere else', async () => {
    api.replyWith(text(200, ''));
    const client = clientOf(context.peer, { apiHosts: { crash: [api.host] } });
    expect((await client.fetch('crash', api.origin)).status).toBe(200);
    expect(await caught(client.fetch('crash', elsewhere.origin))).toMatchObject({ code: 'host_not_allowed' });
    expect(context.peer.received.every(({ path }) => path.endsWith('/token'))).toBe(true);
  });

  test.each([
    'https://api.example.com.evil.test/',
    'https://evil.test/api.example.com',
    'https://api.example.com@evil.test/',
    'https://api.example.com:8443/',
    'https://api.example.com./',
    'https://sub.api.example.com/',
    'http://api.example.com/',
    'ftp://api.example.com/',
  ])('sends nothing to %s when the connection allows api.example.com', async (url) => {
    hosts = ['api.example.com'];
    const error = await caught(clientOf(context.peer).fetch('crash', url));
    expect(error).toMatchObject({
      code: 'host_not_allowed',
      message: expect.stringContaining('https://api.example.com'),
    });
    expect(context.peer.received.filter(({ path }) => path.endsWith('/token'))).toHaveLength(0);
  });

  test('passes an abort on, and asks for no token after it', async () => {
    const error = await caught(
      clientOf(context.peer).fetch('crash', api.origin, { signal: AbortSignal.abort('no') }),
    );
    expect(error).toBe('no');
    expect(context.peer.received).toHaveLength(0);
  });
});

describe('a redirect', () => {
  test('on the same host bears the token', async () => {
    api.replyWith(redirect('/next'), text(200, 'there'));
    const response = await clientOf(context.peer).fetch('crash', api.origin);
    expect(await response.text()).toBe('there');
    expect(authorizations(api)).toEqual(['Token t1', 'Token t1']);
  });

  test('to another origin is not followed, not even to a host of the connection', async () => {
    hosts = [api.host, elsewhere.host];
    for (const to of [`${elsewhere.origin}/next`, 'file:///etc/passwd', 'http://']) {
      api.replyWith(redirect(to, 307));
      const response = await clientOf(context.peer).fetch('crash', api.origin, {
        method: 'POST',
        body: 'of the caller',
        headers: { cookie: 'a=b' },
      });
      expect([response.status, response.headers.get('location')]).toEqual([307, to]);
    }
    expect(elsewhere.received).toHaveLength(0);
  });

  test.each([
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'body'],
    [308, 'PUT', 'PUT', 'body'],
    [301, 'PUT', 'PUT', 'body'],
  ])('%i of a %s becomes a %s', async (status, method, then, body) => {
    api.replyWith(redirect('/next', status), text(200, ''));
    await clientOf(context.peer).fetch('crash', api.origin, { method, body: 'body' });
    expect(api.received[1]).toMatchObject({ method: then, body });
    expect(api.received[1]!.headers['content-type']).toBe(body ? 'text/plain;charset=UTF-8' : undefined);
  });

  test('that never ends, ends the call', async () => {
    api.replyWith(redirect('/again'));
    expect(await caught(clientOf(context.peer).fetch('crash', api.origin))).toBeInstanceOf(TypeError);
    expect(api.received).toHaveLength(21);
  });

  test('is the caller’s own with redirect: manual', async () => {
    api.replyWith(redirect(elsewhere.origin));
    const response = await clientOf(context.peer).fetch('crash', api.origin, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(elsewhere.received).toHaveLength(0);
  });
});

describe('when the API refuses the token', () => {
  test('the broker is told, and the request is sent once more with the new one', async () => {
    api.replyWith(text(401, ''), text(200, 'welcome'));
    const response = await clientOf(context.peer).fetch('crash', api.origin, {
      method: 'POST',
      body: new Blob(['again']),
    });
    expect(await response.text()).toBe('welcome');
    expect(authorizations(api)).toEqual(['Token t1', 'Token t2']);
    expect(api.received.map(({ body }) => body)).toEqual(['again', 'again']);
    const asked = context.peer.received
      .filter(({ method }) => method === 'POST')
      .map(({ body }) => JSON.parse(body));
    expect(asked).toEqual([{}, { rejected: fingerprintOf('t1') }]);
  });

  test('again, that answer is the caller’s: there is no loop', async () => {
    api.replyWith(text(401, 'no'));
    const response = await clientOf(context.peer).fetch('crash', api.origin);
    expect([response.status, await response.text()]).toEqual([401, 'no']);
    expect(api.received).toHaveLength(2);
  });

  test('with 403, that counts only where the vendor’s description says so', async () => {
    api.replyWith(text(403, ''));
    await clientOf(context.peer).fetch('crash', api.origin);
    expect([api.received.length, mints]).toEqual([1, 1]);
    statuses = [401, 403];
    api.replyWith(text(403, ''), text(200, ''));
    await clientOf(context.peer).fetch('crash', api.origin);
    expect([api.received.length, mints]).toEqual([2, 2]);
  });

  test('and the body was a stream, the next request has the new token', async () => {
    api.replyWith(text(401, ''), text(200, ''));
    const client = clientOf(context.peer);
    const body = new Blob(['once']).stream();
    const response = await client.fetch('crash', api.origin, { method: 'POST', body, duplex: 'half' });
    expect(response.status).toBe(401);
    await client.fetch('crash', api.origin);
    expect(authorizations(api)).toEqual(['Token t1', 'Token t2']);
  });

  test('and the broker has no other, the API’s answer is the caller’s', async () => {
    const client = clientOf(context.peer);
    api.replyWith(text(200, ''));
    await client.fetch('crash', api.origin);
    context.peer.replyWith(brokerError(502, 'vendor_rejected', { retry_after: 30 }));
    api.replyWith(text(401, 'no'));
    const response = await client.fetch('crash', api.origin);
    expect([response.status, await response.text()]).toEqual([401, 'no']);
    expect(api.received).toHaveLength(1);
  });

  test('to 100 requests at once, the broker is asked once', async () => {
    const client = clientOf(context.peer);
    const check: Reply = (response, received) =>
      text(received.headers.authorization === 'Token t1' ? 401 : 200, '')(response, received);
    api.replyWith(check);
    const responses = await Promise.all(Array.from({ length: 100 }, () => client.fetch('crash', api.origin)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(mints).toBe(2);
    expect(context.peer.received.filter(({ body }) => body.includes('rejected')).length).toBe(1);
  });
});
