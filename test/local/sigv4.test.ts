import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Received } from '../../functions/local/http.ts';
import { SignatureRefused, verifySignature } from '../../functions/local/sigv4.ts';
import { signedRequest } from '../support/signed-fetch.ts';

const NOW = Date.UTC(2030, 0, 2, 3, 4, 5);
const expected = { service: 'execute-api', region: 'us-east-1', now: NOW, key: 'local' };

const segment = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 8 })
  .filter((text) => !/^\.{1,2}$/.test(text));
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  path: fc.array(segment, { minLength: 1, maxLength: 4 }),
  query: fc.array(
    fc.tuple(fc.string({ unit: 'binary', maxLength: 6 }), fc.string({ unit: 'binary', maxLength: 6 })),
    {
      maxLength: 4,
    },
  ),
  body: fc.string({ unit: 'binary', maxLength: 20 }),
  header: fc.stringMatching(/^[!-~]( {0,3}[!-~]){0,9}$/),
});

async function received(from: typeof request extends fc.Arbitrary<infer T> ? T : never): Promise<Received> {
  const query = from.query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  const path = from.path.map(encodeURIComponent).join('/');
  const { url, headers } = await signedRequest(`http://127.0.0.1:8787/${path}?${query}`, {
    method: from.method,
    headers: { 'x-custom': from.header },
    body: from.body,
    signingDate: new Date(NOW),
  });
  return {
    method: from.method,
    rawPath: url.pathname,
    rawQuery: url.search.slice(1),
    headers,
    body: Buffer.from(from.body),
    tooLarge: false,
    sourceIp: '127.0.0.1',
  };
}

test('whatever the SDK’s signer signs is accepted', async () => {
  await fc.assert(
    fc.asyncProperty(request, async (from) => {
      const identity = await verifySignature(await received(from), expected);
      expect(identity.arn).toBe('arn:aws:iam::000000000000:user/local');
    }),
    { numRuns: 200 },
  );
});

const CHANGES: Readonly<Record<string, (request: Received) => Received>> = {
  method: (request) => ({ ...request, method: 'PUT' }),
  path: (request) => ({ ...request, rawPath: `${request.rawPath}x` }),
  'encoding of the path': (request) => ({ ...request, rawPath: `${request.rawPath}%2F` }),
  'added parameter': (request) => ({ ...request, rawQuery: `${request.rawQuery}&added=1` }),
  'added __proto__': (request) => ({ ...request, rawQuery: `${request.rawQuery}&__proto__=1` }),
  'added X-Amz-Signature': (request) => ({ ...request, rawQuery: `${request.rawQuery}&X-Amz-Signature=1` }),
  body: (request) => ({ ...request, body: Buffer.concat([request.body, Buffer.from('x')]) }),
  header: (request) => ({ ...request, headers: { ...request.headers, 'x-custom': 'changed by someone' } }),
  host: (request) => ({ ...request, headers: { ...request.headers, host: 'localhost:8787' } }),
  'repeated header': (request) => ({
    ...request,
    headers: { ...request.headers, 'x-custom': `${request.headers['x-custom']},x` },
  }),
  'added AWS header': (request) => ({ ...request, headers: { ...request.headers, 'x-amz-added': 'x' } }),
};

test.each(Object.entries(CHANGES))('no request is accepted with another %s', async (_, change) => {
  await fc.assert(
    fc.asyncProperty(request, async (from) => {
      const changed = change(await received(from));
      await expect(verifySignature(changed, expected)).rejects.toThrow(SignatureRefused);
    }),
    { numRuns: 30 },
  );
});

test.each([
  [0, true],
  [300_000, true],
  [-300_000, true],
  [300_001, false],
  [-300_001, false],
])('a clock that is off by %i ms is accepted: %s', async (skew, accepted) => {
  const signed = await received({ method: 'GET', path: ['a'], query: [], body: '', header: 'x' });
  const verified = verifySignature(signed, { ...expected, now: NOW + skew });
  if (accepted) await expect(verified).resolves.toHaveProperty('accessKey', 'local');
  else await expect(verified).rejects.toThrow(/more than 5 minutes/);
});

test.each(['20300102', '20300102T030405', '20301302T030405Z', '20300102T030405Z,20300102T030405Z', 'x'])(
  'the date %s is refused',
  async (stamp) => {
    const signed = await received({ method: 'GET', path: ['a'], query: [], body: '', header: 'x' });
    const headers = { ...signed.headers, 'x-amz-date': stamp };
    await expect(verifySignature({ ...signed, headers }, expected)).rejects.toThrow(/x-amz-date must be/);
  },
);
