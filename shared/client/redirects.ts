/**
 * fetch with a token that goes nowhere but to the hosts that its connection allows. Redirects are followed here
 * and not by fetch, which drops the token at every change of origin, and does not tell.
 */
import type { VendorApi } from './apis.ts';
import { isSecure } from './region.ts';
import type { Token } from './token.ts';

export interface Sent {
  readonly response: Response;
  /** Whether the answer is to a request that bore the token. */
  readonly bore: boolean;
}

/** As in the Fetch standard. */
const MAX_REDIRECTS = 20;
const REDIRECTS = [301, 302, 303, 307, 308];

/** What must not follow to another origin, beside the token. */
const FOR_ONE_ORIGIN = ['authorization', 'cookie', 'proxy-authorization', 'host'];
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
export async function sendWithToken(
  url: URL,
  init: RequestInit,
  token: Token,
  api: VendorApi,
): Promise<Sent> {
  const headers = new Headers(init.headers);
  headers.set('authorization', token.authorization);
  if (init.redirect === 'manual' || init.redirect === 'error') {
    return { response: await fetch(url, { ...init, headers }), bore: true };
  }
  let next: RequestInit = { ...init, headers, redirect: 'manual' };
  let [at, bore] = [url, true];
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(at, next);
    const target = targetOf(response, at);
    if (!target) return { response, bore };
    if (redirects === MAX_REDIRECTS) throw new TypeError('fetch failed: too many redirects');
    next = redirected(next, response.status);
    await response.body?.cancel();
    if (target.origin !== at.origin) {
      // A token that was taken off is not put on again: the address came from somebody who may not have it.
      bore &&= mayReceive(api, target);
      next = elsewhere(next, bore ? token : undefined);
    }
    at = target;
  }
}

function targetOf({ status, headers }: Response, from: URL): URL | undefined {
  const location = headers.get('location');
  if (!REDIRECTS.includes(status) || location === null) return undefined;
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (target && /^https?:$/.test(target.protocol)) return target;
  throw new TypeError('fetch failed: redirected to something that is no http or https URL');
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

function elsewhere(init: RequestInit, token: Token | undefined): RequestInit {
  const headers = new Headers(init.headers);
  for (const name of FOR_ONE_ORIGIN) headers.delete(name);
  if (token) headers.set('authorization', token.authorization);
  return { ...init, headers };
}

/** A stream is gone once it was read; everything else that fetch takes stays. */
export function canBeSentAgain(body: RequestInit['body']): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  return body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams;
}
