import { type CryptoKey, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import type { Budget } from './exchange.ts';
import type { RemoteKey } from './private-key.ts';

/** A JWT in compact form (RFC 7515 §7.1). jose signs; what it has no way to ask, a key elsewhere, is asked here. */
export async function signJwt(
  header: JWTHeaderParameters,
  claims: JWTPayload,
  key: CryptoKey | RemoteKey,
  budget: Budget,
): Promise<string> {
  if (typeof key !== 'function') return new SignJWT(claims).setProtectedHeader(header).sign(key);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = await key(Buffer.from(input), budget);
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}
