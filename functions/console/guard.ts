/**
 * Who may ask the console anything: a page that it served itself, in a browser that was given the key. The key travels
 * in a header, not in a cookie, because cookies know no ports: every other server on this machine would be sent it.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Received } from '../local/http.ts';
import { KEY_HEADER } from './messages.ts';

/** Why a request is refused; `undefined` where it is not. Its Host was checked by `functions/local/http.ts`. */
export function refusalOf({ method, headers }: Received, key: string): string | undefined {
  const { origin, host, 'sec-fetch-site': site } = headers;
  const isOwn = origin === `http://${host}`;
  if (origin !== undefined && !isOwn) return 'Requests from other sites are refused (Origin).';
  if (site !== undefined && site !== 'same-origin')
    return 'Requests from other sites are refused (Sec-Fetch-Site).';
  if (method !== 'GET' && !isOwn)
    return 'What changes something must say its Origin, which must be this one.';
  if (!isEqual(headers[KEY_HEADER] ?? '', key)) return 'The key is missing, or not that of this console.';
  return undefined;
}

function isEqual(given: string, key: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(key)];
  return one.length === other.length && timingSafeEqual(one, other);
}
