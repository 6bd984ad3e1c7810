/** The routes of the HTTP API, by the route keys that API Gateway knows them by. */
import type { LocalHandlers } from './handlers.ts';

interface Route {
  /** `METHOD /path/{parameter}`, as in the stack. */
  readonly key: string;
  readonly handler: keyof Pick<LocalHandlers, 'https' | 'callback'>;
  /** Without IAM authorization; a browser opens it, so that `Origin` is accepted too. */
  readonly public?: boolean;
}

export interface MatchedRoute extends Route {
  /** Percent-decoded; absent when the route has none. */
  readonly parameters: Readonly<Record<string, string>> | undefined;
}

const ROUTES: readonly Route[] = [
  { key: 'POST /connections/{connection}/token', handler: 'https' },
  { key: 'GET /connections', handler: 'https' },
  { key: 'GET /connections/{connection}', handler: 'https' },
  { key: 'GET /connections/{connection}/userinfo', handler: 'https' },
  { key: 'POST /connections/{connection}/consent', handler: 'https' },
  { key: 'POST /connections/{connection}/consent/{consent}', handler: 'https' },
  { key: 'DELETE /connections/{connection}/grants/{subject}', handler: 'https' },
  { key: 'GET /callback', handler: 'callback', public: true },
];

/**
 * Segments are compared as they were sent: an encoded slash stays inside its parameter, and a doubled
 * one matches nothing.
 * @throws URIError when a parameter is not valid percent-encoded UTF-8
 */
export function matchRoute(method: string, rawPath: string): MatchedRoute | undefined {
  const segments = rawPath.split('/');
  for (const route of ROUTES) {
    const [wantedMethod, template = ''] = route.key.split(' ');
    const wanted = template.split('/');
    if (method !== wantedMethod || wanted.length !== segments.length) continue;
    if (!wanted.every((want, i) => (want.startsWith('{') ? segments[i] !== '' : want === segments[i]))) {
      continue;
    }
    const parameters = wanted.flatMap((want, i) =>
      want.startsWith('{') ? [[want.slice(1, -1), decodeURIComponent(segments[i]!)] as const] : [],
    );
    return { ...route, parameters: parameters.length > 0 ? Object.fromEntries(parameters) : undefined };
  }
  return undefined;
}
