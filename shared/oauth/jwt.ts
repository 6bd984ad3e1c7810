import type { JWTHeaderParameters, JWTPayload } from 'jose';
import type { Budget } from './exchange.ts';
import type { Sign } from './private-key.ts';

/** A JWT in compact form (RFC 7515 §7.1). */
export async function signJwt(
  header: JWTHeaderParameters,
  claims: JWTPayload,
  sign: Sign,
  budget: Budget,
): Promise<string> {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = await sign(Buffer.from(input), budget);
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}
