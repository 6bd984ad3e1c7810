/**
 * fetch with a token that goes nowhere but to the origin that it was meant for. A redirect to another origin is the
 * caller's to follow: neither the token, nor the caller's own credentials, nor a body go there by themselves.
 */
import type { VendorApi } from './apis.ts';
import { isSecure } from './region.ts';
import type { Token } from './token.ts';

/** As in the Fetch standard. */
const MAX_REDIRECTS = 20;
const REDIRECTS = [301, 302, 303, 307, 308];

/** What goes with a body. */
const OF_A_BODY = [
  'content-type',
  'content-length',
  'content-encoding',
  'content-language',
  'content-location',
];

/** Over a connection that cannot be read on the way, to a host of the connection. */
export function mayReceive({ hosts }: VendorApi, url: URL): boolean {
  return isSecure(url) && hosts.includes(url.host);
}

/** @throws what fetch throws */
export async function sendWithToken(url: URL, init: RequestInit, token: Token): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', token.authorization);
  if (init.redirect === 'manual' || init.redirect === 'error') return fetch(url, { ...init, headers });
  let next: RequestInit = { ...init, headers, redirect: 'manual' };
  let at = url;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(at, next);
    const target = targetOf(response, at);
    if (target?.origin !== at.origin) return response;
    if (redirects === MAX_REDIRECTS) throw new TypeError('fetch failed: too many redirects');
    next = redirected(next, response.status);
    await response.body?.cancel();
    at = target;
  }
}

function targetOf({ status, headers }: Response, from: URL): URL | undefined {
  const location = headers.get('location');
  if (!REDIRECTS.includes(status) || location === null) return undefined;
  return URL.canParse(location, from.href) ? new URL(location, from) : undefined;
}

/** The Fetch standard's rules for method and body. */
function redirected(init: RequestInit, status: number): RequestInit {
  const method = (init.method ?? 'GET').toUpperCase();
  const becomesGet =
    (status === 303 && method !== 'GET' && method !== 'HEAD') || (status < 303 && method === 'POST');
  if (!becomesGet) {
    if (canBeSentAgain(init.body)) return init;
    throw new TypeError('fetch failed: redirected, and the body was a stream, which cannot be sent again');
  }
  const { body: _, ...rest } = init;
  const headers = new Headers(init.headers);
  for (const name of OF_A_BODY) headers.delete(name);
  return { ...rest, method: 'GET', headers };
}

/** A stream is gone once it was read; everything else that fetch takes stays. */
export function canBeSentAgain(body: RequestInit['body']): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  return body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams;
}
