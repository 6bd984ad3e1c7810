import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { expect, test } from 'vitest';
import { decryptCompact, encodedHeader, encryptCompact } from '../../shared/aws/jwe.ts';

const HEADER = { alg: 'dir', enc: 'A256GCM', kid: 'a', item: 'token#ü', purpose: 'access_token' };
const TEXTS = ['token', '', '\ufeff🔑 \u0000', 'x'.repeat(100_000)];

const bytes = randomBytes(32);
const key = createSecretKey(bytes);

test.each(TEXTS)('jose opens what is sealed, and finds the header as it was given: %#', async (text) => {
  const { plaintext, protectedHeader } = await compactDecrypt(
    encryptCompact(encodedHeader(HEADER), text, key),
    bytes,
  );
  expect(Buffer.from(plaintext).toString()).toBe(text);
  expect(protectedHeader).toEqual(HEADER);
});

test.each(TEXTS)('what jose has sealed opens, and begins with the same header: %#', async (text) => {
  const sealed = await new CompactEncrypt(Buffer.from(text)).setProtectedHeader(HEADER).encrypt(bytes);
  expect(decryptCompact(sealed, key)).toBe(text);
  expect(sealed.startsWith(`${encodedHeader(HEADER)}.`)).toBe(true);
});

test('no initialization vector is used twice', () => {
  const vectors = Array.from({ length: 1_000 }, () => encryptCompact('e30', '', key).split('.')[2]);
  expect(new Set(vectors).size).toBe(1_000);
});

test('what had any one character changed, left out or added does not open', () => {
  const sealed = encryptCompact(encodedHeader(HEADER), 'token', key);
  for (const [index, character] of [...sealed].entries()) {
    const [before, after] = [sealed.slice(0, index), sealed.slice(index + 1)];
    for (const other of ['', `A${character}`, ...'ABgw_.=+ \n'].filter((other) => other !== character))
      expect(() => decryptCompact(before + other + after, key), before + other + after).toThrow();
  }
  for (const more of ['A', '.', '=', ' ']) expect(() => decryptCompact(sealed + more, key)).toThrow();
});

test('another key does not open it', () => {
  const sealed = encryptCompact(encodedHeader(HEADER), 'token', key);
  expect(() => decryptCompact(sealed, createSecretKey(randomBytes(32)))).toThrow();
});

test.each([4, 8, 12, 13, 15])('a tag of %i bytes does not open it, though they are right', (length) => {
  const parts = encryptCompact(encodedHeader(HEADER), 'token', key).split('.');
  const tag = Buffer.from(parts[4]!, 'base64url').subarray(0, length).toString('base64url');
  expect(() => decryptCompact(parts.with(4, tag).join('.'), key)).toThrow();
});

test.each([8, 16])(
  'an initialization vector of %i bytes does not open it, though it is the one',
  (length) => {
    const iv = randomBytes(length);
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from('e30'));
    const encrypted = Buffer.concat([cipher.update('token'), cipher.final()]);
    const parts = [iv, encrypted, cipher.getAuthTag()].map((part) => part.toString('base64url'));
    expect(() => decryptCompact(`e30..${parts.join('.')}`, key)).toThrow('length');
  },
);

test.each(['', 'A', '....', 'e30....', 'e30..A.A.A', 'e30...'])('what is none does not open: %j', (text) => {
  expect(() => decryptCompact(text, key)).toThrow();
});
