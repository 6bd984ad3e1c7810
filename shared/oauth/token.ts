import type { Redacted } from '../contract/redacted.ts';
import { sha256Base64url } from '../contract/sha256.ts';

/** An access token with what is known of its life. Times are milliseconds since the epoch. */
export interface Token {
  readonly accessToken: Redacted;
  /** `Bearer`, exactly what goes before the token in an `Authorization` header. */
  readonly tokenType: string;
  /** As the vendor answered it; absent when it named none. */
  readonly scope?: string;
  readonly expiresAt: number;
  /** When the request that gave it was sent. */
  readonly mintedAt: number;
  readonly fingerprint: string;
}

/** Unpadded base64url SHA-256 of an access token: safe to log and to compare. */
export function fingerprint(accessToken: Redacted): string {
  return sha256Base64url(accessToken.reveal());
}
