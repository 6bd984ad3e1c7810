/**
 * Which browser goes through with a consent. It holds a random value in a cookie, one for all its consents; a consent
 * keeps that value's hash, and the `state` of its authorization request is made from it. So the vendor's answer finishes
 * a consent only in the browser that was sent to the vendor for it (RFC 6749 §10.12, RFC 9700 §4.7).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { sha256Base64url } from '../../contract/sha256.ts';

/** What a browser's cookie holds: 256 bits in base64url. */
export const BROWSER = /^[A-Za-z0-9_-]{43}$/;

/** The secret part of a consent's address, or a browser's own value. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** The name under which a consent is stored and spoken of: nobody gets from it to its address. */
export function handleOf(secret: string): string {
  return sha256Base64url(secret);
}

export function isSameBrowser(bound: string, browser: string | undefined): boolean {
  return browser !== undefined && isSame(bound, sha256Base64url(browser));
}

/** `state` (RFC 6749 §4.1.1): which consent, and a proof that only its browser can make. */
export function stateOf(handle: string, browser: string): string {
  return `${handle}.${createHmac('sha256', browser).update(handle).digest('base64url')}`;
}

/** The consent that a `state` is of; `undefined` where it is none of ours. */
export function handleIn(state: string): string | undefined {
  return /^([A-Za-z0-9_-]{43})\.[A-Za-z0-9_-]{43}$/.exec(state)?.[1];
}

/** In constant time. */
export function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
