import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestToken } from '../../shared/oauth/token-endpoint.ts';
import { budgetOf, tokenCall, vendorErrorOf } from './support.ts';

/** A server whose certificate nobody vouches for: dynalite brings one along. */
let server: Server;
let requests = 0;

const pem = (name: string) =>
  readFileSync(new URL(`../../node_modules/dynalite/ssl/${name}.pem`, import.meta.url));

beforeAll(async () => {
  server = createServer({ key: pem('server-key'), cert: pem('server-crt') }, (_, response) => {
    requests += 1;
    response.end('{"access_token":"a"}');
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
});
afterAll(() => server.close());

test('a certificate that nobody vouches for is refused before anything is sent, whatever the environment says', async () => {
  const { port } = server.address() as AddressInfo;
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    const call = tokenCall(`https://localhost:${port}`, { budget: budgetOf(undefined, { attempts: 1 }) });
    const error = await vendorErrorOf(requestToken(call));
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(error.message).toMatch(/CERT|UNABLE_TO_VERIFY/);
    expect(requests).toBe(0);
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  }
});

test('a host that accepts the connection and then says nothing has seen no request', async () => {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const mute = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('data', (data) => received.push(data)).on('error', () => {});
  });
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as AddressInfo;
  const budget = budgetOf(undefined, { attempts: 1, attemptTimeout: 100 });
  const error = await vendorErrorOf(requestToken(tokenCall(`https://127.0.0.1:${port}`, { budget })));
  expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
  expect(error.message).toContain('could not be reached in time');
  // All that came is the greeting of TLS.
  expect(Buffer.concat(received)[0]).toBe(0x16);
  for (const socket of sockets) socket.destroy();
  mute.close();
});
