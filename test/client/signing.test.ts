import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifySignature } from '../../functions/local/sigv4.ts';
import { sendSigned } from '../../shared/client/signing.ts';
import { type HttpPeer, type Received, startHttpPeer } from '../support/http-peer.ts';

/** The local program verifies with the AWS SDK's signer, which is not the client's. */
const expected = { service: 'execute-api', region: 'eu-west-1' };
const credentials = { accessKeyId: 'local', secretAccessKey: 'local', sessionToken: 'a+session/token==' };

let peer: HttpPeer;
beforeAll(async () => {
  peer = await startHttpPeer();
  peer.replyWith((response) => response.end());
});
afterAll(() => peer.close());

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** What arrives of it. */
async function sent({ path, ...rest }: Sent): Promise<Received> {
  const url = new URL(path, peer.origin);
  await sendSigned({ ...rest, ...expected, url, credentials }, AbortSignal.timeout(10_000));
  return peer.received.at(-1)!;
}

function verified({ method, path, headers, body }: Received, now = Date.now()) {
  const [rawPath = '', rawQuery = ''] = path.split('?');
  const request = { method, rawPath, rawQuery, headers: headers as Record<string, string> };
  return verifySignature(
    { ...request, body: Buffer.from(body), tooLarge: false, sourceIp: '127.0.0.1' },
    { ...expected, now, key: credentials.secretAccessKey },
  );
}

const TOKEN: Sent = {
  method: 'POST',
  path: '/connections/crash/token',
  headers: { 'content-type': 'application/json' },
  body: '{"subject":"Zoë"}',
};

test('whatever subject a path or query names, and whatever the body is, the signature holds', async () => {
  const text = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    .filter((each) => !/^\.+$/.test(each));
  const request = fc.record({
    method: fc.constantFrom('POST', 'DELETE'),
    path: fc.tuple(text, text).map(([subject, other]) => {
      const [segment, value] = [encodeURIComponent(subject), encodeURIComponent(other)];
      return `/connections/crash/grants/${segment}?force=true&cursor=${value}`;
    }),
    body: fc.string({ unit: 'grapheme', maxLength: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(request, async (each) => {
      const { arn } = await verified(await sent(each));
      expect(arn).toBe('arn:aws:iam::000000000000:user/local');
    }),
    { numRuns: 100 },
  );
});

test('a GET without a body is signed, and so is the session token', async () => {
  const received = await sent({ method: 'GET', path: '/connections' });
  expect(received.headers['x-amz-security-token']).toBe(credentials.sessionToken);
  await verified(received);
});

test.each<[string, (received: Received) => Received]>([
  ['body', (received) => ({ ...received, body: '{}' })],
  ['path', (received) => ({ ...received, path: '/connections/other/token' })],
  ['query', (received) => ({ ...received, path: `${received.path}?subject=x` })],
  ['session token', (received) => withHeader(received, 'x-amz-security-token')],
  ['content type', (received) => withHeader(received, 'content-type')],
])('another %s than the one that was signed is refused', async (_, change) => {
  const received = await sent(TOKEN);
  await verified(received);
  await expect(verified(change(received))).rejects.toThrow(/signature does not match/);
});

const withHeader = (received: Received, name: string): Received => ({
  ...received,
  headers: { ...received.headers, [name]: 'x' },
});

test('the signature is dated now, and no longer holds after five minutes', async () => {
  const received = await sent(TOKEN);
  await expect(verified(received, Date.now() + 5 * 60_000 + 2_000)).rejects.toThrow(/expired/);
});
