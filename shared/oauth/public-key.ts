/** Public halves of keys, as servers fetch them (RFC 7517). */
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { sha256Base64url } from '../contract/sha256.ts';

/** RFC 7517 §4; of `alg` nothing is said where the key signs by several. */
export interface PublicJwk extends JsonWebKey {
  readonly kid: string;
  readonly use: 'sig';
  readonly alg?: string;
}

/** @param algorithms JWS algorithms that it signs by @param keyId absent: its thumbprint */
export function publicJwk(
  publicKey: KeyObject,
  algorithms: readonly string[],
  keyId = thumbprintOf(publicKey),
): PublicJwk {
  const [alg, ...others] = algorithms;
  const only = alg !== undefined && others.length === 0 && { alg };
  return { ...publicKey.export({ format: 'jwk' }), use: 'sig', ...only, kid: keyId };
}

/** RFC 7638 §3: a public key in node:crypto has the members that count, and no other. */
export function thumbprintOf(publicKey: KeyObject): string {
  const jwk = publicKey.export({ format: 'jwk' });
  return sha256Base64url(JSON.stringify(jwk, Object.keys(jwk).sort()));
}
