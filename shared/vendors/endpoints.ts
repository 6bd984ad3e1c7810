import type { Connection } from '../connections/connection.ts';

/** Everything before the path. */
const ORIGIN = /^[a-z]+:\/\/[^/?#]*/i;

/** `base_url` in place of scheme and host; the rest of the URL stays as it is written, to the last slash. */
export function rebase(url: string, { baseUrl }: Pick<Connection, 'baseUrl'>): string {
  return baseUrl === undefined ? url : url.replace(ORIGIN, () => baseUrl);
}

/** Host, with its port if there is one; empty where a connection is still too wrong to have one. */
export function hostOf(url: string | undefined): string {
  return URL.parse(url ?? '')?.host ?? '';
}
