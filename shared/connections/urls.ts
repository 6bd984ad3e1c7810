import { isLoopback } from '../contract/loopback.ts';

export interface UrlOptions {
  /** `true` only in the local program: vendors on loopback are spoken to without TLS. */
  readonly allowLoopbackHttp: boolean;
}

/** Printable ASCII without `\`, which URL parsers read as `/`. */
const WRITTEN_OUT = /^https?:\/\/[!-[\]-~]+$/;

/**
 * Parses an absolute https URL without credentials and fragment (RFC 6749 §3.1, §3.2); http passes
 * on loopback hosts where the options allow it. `undefined`: it is none.
 */
export function parseEndpoint(text: string, { allowLoopbackHttp }: UrlOptions): URL | undefined {
  if (!WRITTEN_OUT.test(text) || text.includes('#')) return undefined;
  const url = URL.parse(text);
  if (!url || url.username || url.password) return undefined;
  if (url.protocol === 'http:' && !(allowLoopbackHttp && isLoopback(url.hostname))) return undefined;
  return url;
}

/** An IPv4 or IPv6 address, as a URL's `hostname` spells it. */
export function isIpLiteral(hostname: string): boolean {
  return hostname.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(hostname);
}

/** A host as URLs spell it: lower case, with its port unless that is 443. `undefined`: it is none. */
export function parseHost(text: string): { readonly hostname: string } | undefined {
  const url = /^[a-z0-9.:[\]-]+$/.test(text) ? URL.parse(`https://${text}`) : null;
  return url?.host === text ? { hostname: url.hostname } : undefined;
}
