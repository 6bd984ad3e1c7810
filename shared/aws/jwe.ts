/**
 * JWE compact serialization (RFC 7516 §3.1) of the one kind that is stored: `dir` with A256GCM (RFC 7518 §4.5, §5.3),
 * without compression. Every part has one spelling only, so that no two texts are the same value.
 */
import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

/** Of a header to seal under. Its `alg` and `enc` are the caller's to set. */
export function encodedHeader(header: object): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

/** Bytes, by RFC 7518 §5.3. Node would take others: shorter tags are easier to guess. */
const IV = 12;
const TAG = 16;

/** @param header from `encodedHeader` */
export function encryptCompact(header: string, text: string, key: KeyObject): string {
  const iv = randomBytes(IV);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG });
  cipher.setAAD(Buffer.from(header));
  const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  const parts = [iv, encrypted, cipher.getAuthTag()].map((part) => part.toString('base64url'));
  // `dir`: there is no encrypted key.
  return [header, '', ...parts].join('.');
}

/**
 * What was sealed under this key with the header that it begins with. Whoever calls compares that header, as text,
 * with the one that they expect, `alg` and `enc` included: nothing of it is believed here.
 * @throws Error when it was altered, or is under another key
 */
export function decryptCompact(jwe: string, key: KeyObject): string {
  const [header = '', encryptedKey, iv, encrypted, tag, ...more] = jwe.split('.');
  if (encryptedKey !== '' || more.length > 0)
    throw new Error('It is no JWE in compact form with a direct key.');
  const decipher = createDecipheriv('aes-256-gcm', key, bytesOf(iv, IV), { authTagLength: TAG });
  decipher.setAAD(Buffer.from(header));
  decipher.setAuthTag(bytesOf(tag, TAG));
  return Buffer.concat([decipher.update(bytesOf(encrypted)), decipher.final()]).toString();
}

function bytesOf(part: string | undefined, length?: number): Buffer {
  const bytes = Buffer.from(part ?? '', 'base64url');
  // Node skips what is no base64url, and ignores bits that are left over.
  if (part === undefined || bytes.toString('base64url') !== part) throw new Error('A part is not base64url.');
  if (length !== undefined && bytes.length !== length) throw new Error('A part has the wrong length.');
  return bytes;
}
