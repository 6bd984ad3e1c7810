import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { APIGatewayProxyEventV2WithIAMAuthorizer } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startGateway } from '../../functions/local/gateway.ts';
import type { LocalHandlers } from '../../functions/local/handlers.ts';
import { type LocalServer, PortUnavailable } from '../../functions/local/http.ts';
import { echoHandlers } from '../support/echo-handlers.ts';
import { type SignedFetchOptions, signedFetch } from '../support/signed-fetch.ts';

const handlers = echoHandlers();
let gateway: LocalServer;

beforeAll(async () => {
  gateway = await startGateway({ port: 0, key: 'local', handlers: Promise.resolve(handlers) });
});
afterAll(() => gateway.close());
beforeEach(() => {
  handlers.calls.length = 0;
});

interface Echo {
  event: APIGatewayProxyEventV2WithIAMAuthorizer;
  context: { invokedFunctionArn: string; remaining: number };
}

async function echoed(path: string, options?: SignedFetchOptions): Promise<Echo> {
  const response = await signedFetch(gateway.url + path, options);
  expect(response.status).toBe(200);
  return (await response.json()) as Echo;
}

/** Sends what `fetch` would not, such as a chosen Host. */
function raw(path: string, headers: Record<string, string>, method = 'GET') {
  return new Promise<{ status: number; headers: object; body: string }>((resolve, reject) => {
    const { port } = gateway;
    const request = httpRequest(
      { port, host: '127.0.0.1', path, method, headers, agent: false },
      async (response) =>
        resolve({ status: response.statusCode!, headers: response.headers, body: await text(response) }),
    );
    request.on('error', reject).end();
  });
}

async function withHandlers<T>(
  https: LocalHandlers['https'],
  use: (url: string) => Promise<T>,
  timeout?: number,
): Promise<T> {
  const server = await startGateway({
    port: 0,
    key: 'local',
    handlers: Promise.resolve({ ...handlers, https }),
    ...(timeout === undefined ? {} : { timeout }),
  });
  try {
    return await use(server.url);
  } finally {
    await server.close();
  }
}

describe('routes', () => {
  test.each([
    ['POST', '/connections/crash/token', 'POST /connections/{connection}/token', { connection: 'crash' }],
    ['GET', '/connections', 'GET /connections', undefined],
    ['GET', '/connections/crash', 'GET /connections/{connection}', { connection: 'crash' }],
    ['GET', '/connections/bits/userinfo', 'GET /connections/{connection}/userinfo', { connection: 'bits' }],
    ['POST', '/connections/c/consent', 'POST /connections/{connection}/consent', { connection: 'c' }],
    [
      'POST',
      '/connections/c/consent/abc',
      'POST /connections/{connection}/consent/{consent}',
      { connection: 'c', consent: 'abc' },
    ],
    [
      'DELETE',
      '/connections/c/grants/a%40b%2Fc%20%C3%A9',
      'DELETE /connections/{connection}/grants/{subject}',
      { connection: 'c', subject: 'a@b/c é' },
    ],
  ])(
    '%s %s reaches the function as its route key, with decoded parameters',
    async (method, path, key, parameters) => {
      const { event } = await echoed(path, { method });
      expect(event.routeKey).toBe(key);
      expect(event.rawPath).toBe(path);
      expect(event.pathParameters).toEqual(parameters);
    },
  );

  test.each([
    ['GET', '/'],
    ['GET', '/connections/'],
    ['GET', '//connections'],
    ['POST', '/connections//token'],
    ['POST', '/connections/crash/token/'],
    ['POST', '/connections/a/b/token'],
    ['PUT', '/connections/crash/token'],
    ['OPTIONS', '/connections'],
    ['HEAD', '/connections'],
    ['POST', '/callback'],
    ['GET', '/Connections'],
  ])('%s %s is not found, signed or not', async (method, path) => {
    expect((await raw(path, { host: `localhost:${gateway.port}` }, method)).status).toBe(404);
    expect((await signedFetch(gateway.url + path, { method })).status).toBe(404);
    expect(handlers.calls).toEqual([]);
  });

  test('a parameter that is not UTF-8 is a bad request', async () => {
    expect((await signedFetch(`${gateway.url}/connections/%FF`)).status).toBe(400);
  });

  test('dot segments are not resolved: what is signed for one route does not reach another', async () => {
    const host = `127.0.0.1:${gateway.port}`;
    expect((await raw('/connections/a/../b', { host })).status).toBe(404);
    expect((await raw('/x/../connections', { host })).status).toBe(404);
  });

  test('the callback is public, and knows no caller', async () => {
    const response = await fetch(`${gateway.url}/callback?code=c&state=s%20t`, {
      headers: { origin: 'https://vendor.example' },
    });
    const { event } = (await response.json()) as Echo;
    expect(event.queryStringParameters).toEqual({ code: 'c', state: 's t' });
    expect(event.requestContext).not.toHaveProperty('authorizer');
    expect(handlers.calls).toEqual(['token-broker-callback']);
  });

  test('health is open', async () => {
    const response = await fetch(`${gateway.url}/health`);
    expect(await response.json()).toEqual({ status: 'ok' });
  });
});

describe('the event', () => {
  test('is API Gateway’s, payload format 2.0', async () => {
    const { event, context } = await echoed('/connections/crash?b=2&a=1&a=%C3%A9+x', {
      headers: { 'X-Custom': 'Value', cookie: 'one=1; two=2' },
      keyId: 'role-reader',
    });
    expect(event).toMatchObject({
      version: '2.0',
      rawQueryString: expect.stringContaining('b=2'),
      queryStringParameters: { a: '1,é x', b: '2' },
      cookies: ['one=1', 'two=2'],
      headers: { 'x-custom': 'Value', host: `127.0.0.1:${gateway.port}` },
      isBase64Encoded: false,
      requestContext: {
        accountId: '000000000000',
        stage: '$default',
        routeKey: 'GET /connections/{connection}',
        http: { method: 'GET', path: '/connections/crash', sourceIp: '127.0.0.1' },
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        timeEpoch: expect.any(Number),
        authorizer: {
          iam: {
            accessKey: 'role-reader',
            accountId: '000000000000',
            callerId: 'AROALOCALREADER:session',
            userId: 'AROALOCALREADER:session',
            userArn: 'arn:aws:sts::000000000000:assumed-role/reader/session',
          },
        },
      },
    });
    expect(event.headers).not.toHaveProperty('cookie');
    expect(event).not.toHaveProperty('body');
    expect(context.invokedFunctionArn).toBe(
      'arn:aws:lambda:us-east-1:000000000000:function:token-broker-https',
    );
    expect(context.remaining).toBeGreaterThan(28_000);
    expect(context.remaining).toBeLessThanOrEqual(29_000);
  });

  test('joins repeated headers with commas', async () => {
    const host = `127.0.0.1:${gateway.port}`;
    const socket = connect(gateway.port, '127.0.0.1');
    socket.end(`GET /callback HTTP/1.1\r\nHost: ${host}\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\n\r\n`);
    const answer = await text(socket);
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).event.headers['x-a']).toBe('1,2');
  });

  const bytes = new Uint8Array([0xff, 0x00, 0xfe]);
  test.each<[string, string, string | Uint8Array, string, boolean]>([
    ['JSON', 'application/json', '{"a":"é"}', '{"a":"é"}', false],
    ['a form', 'application/x-www-form-urlencoded', 'a=1', 'a=1', false],
    ['text that begins with a byte order mark', 'text/plain', '\ufeffx', '\ufeffx', false],
    ['an unknown type', 'application/octet-stream', 'abc', 'YWJj', true],
    ['JSON that is not UTF-8', 'application/json', bytes, '/wD+', true],
  ])('carries %s unchanged', async (_, type, body, expected, encoded) => {
    const headers = { 'content-type': type };
    const { event } = await echoed('/connections/crash/token', { method: 'POST', headers, body });
    expect([event.body, event.isBase64Encoded]).toEqual([expected, encoded]);
  });
});

describe('the answer', () => {
  test('has the function’s status, headers, cookies and decoded body', async () => {
    const result = {
      statusCode: 418,
      headers: { 'Cache-Control': 'no-store', 'x-number': 7 },
      cookies: ['a=1', 'b=2'],
      body: Buffer.from([1, 2]).toString('base64'),
      isBase64Encoded: true,
    };
    const response = await withHandlers(
      async () => result,
      (url) => signedFetch(`${url}/connections`),
    );
    expect(response.status).toBe(418);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-number')).toBe('7');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([1, 2]));
  });

  test('says nothing of an error that the function threw', async () => {
    const response = await withHandlers(
      async () => {
        throw new Error('secret detail');
      },
      (url) => signedFetch(`${url}/connections`),
    );
    expect([response.status, await response.json()]).toEqual([500, { message: 'Internal Server Error' }]);
  });

  test('comes even when the function never does', async () => {
    const response = await withHandlers(
      () => new Promise(() => {}),
      (url) => signedFetch(`${url}/connections`),
      1,
    );
    expect([response.status, await response.json()]).toEqual([503, { message: 'Service Unavailable' }]);
  });

  test('never carries a CORS header', async () => {
    const host = `127.0.0.1:${gateway.port}`;
    const preflight = { host, origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    for (const path of ['/connections/crash/token', '/callback', '/health', '/']) {
      const { headers } = await raw(path, preflight, 'OPTIONS');
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

describe('refused at the door', () => {
  test.each(['evil.example', 'evil.example:80', '127.0.0.1', 'localhost:1', '[::1]:80', '0.0.0.0'])(
    'the Host %j',
    async (host) => {
      expect((await raw('/health', { host })).status).toBe(421);
      expect((await raw('/callback', { host })).status).toBe(421);
      expect(handlers.calls).toEqual([]);
    },
  );

  test('two Hosts, and none', async () => {
    const host = `Host: 127.0.0.1:${gateway.port}\r\n`;
    for (const hosts of [`${host}Host: evil.example\r\n`, '']) {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.end(`GET /health HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 421 /);
    }
  });

  test('a request target that names a host', async () => {
    const host = `127.0.0.1:${gateway.port}`;
    expect((await raw('http://evil.example/callback', { host })).status).toBe(400);
    expect(handlers.calls).toEqual([]);
  });

  test.each(['https://evil.example', 'null', 'http://localhost:8787'])(
    'the Origin %s, signed or not',
    async (origin) => {
      const host = `localhost:${gateway.port}`;
      expect((await raw('/health', { host, origin })).status).toBe(403);
      const signed = await signedFetch(`${gateway.url}/connections`, { headers: { origin } });
      expect(signed.status).toBe(403);
      expect(handlers.calls).toEqual([]);
    },
  );

  test('a body of more than 10 MB, and not one of 10 MB', async () => {
    const headers = { 'content-type': 'text/plain' };
    const send = (size: number) =>
      signedFetch(`${gateway.url}/connections/c/token`, { method: 'POST', headers, body: 'a'.repeat(size) });
    const count = (size: number) =>
      withHandlers(
        async (event) => ({ statusCode: 200, body: String(event.body?.length) }),
        async (url) => {
          const request = { method: 'POST', headers, body: 'a'.repeat(size) };
          return (await signedFetch(`${url}/connections/c/token`, request)).text();
        },
      );
    expect(await count(10 * 1024 * 1024)).toBe(String(10 * 1024 * 1024));
    expect((await send(10 * 1024 * 1024 + 1)).status).toBe(413);
  });

  test('headers of more than 10,240 bytes', async () => {
    const host = `127.0.0.1:${gateway.port}`;
    expect((await raw('/health', { host, 'x-long': 'a'.repeat(10_240) })).status).toBe(431);
    expect((await raw('/health', { host, 'x-long': 'a'.repeat(9_000) })).status).toBe(200);
  });

  test('a client that does not finish its request', async () => {
    const server = await startGateway({
      port: 0,
      key: 'local',
      handlers: Promise.resolve(handlers),
      requestTimeout: 50,
    });
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `POST /connections/c/token HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 5\r\n\r\nab`,
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /);
    await server.close();
  });
});

test('a port that is taken is named, with the option that changes it', async () => {
  const second = startGateway({ port: gateway.port, key: 'local', handlers: Promise.resolve(handlers) });
  await expect(second).rejects.toThrow(PortUnavailable);
  await expect(second).rejects.toThrow(`Port ${gateway.port} is in use`);
  await expect(second).rejects.toThrow('--port N');
});
