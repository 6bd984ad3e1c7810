/**
 * Every route of the HTTP API, once: the handler, the local gateway, the stack, the grants of IAM and the tests
 * read it here. A new route is one line, and an operation or a page of that name.
 */
import type { Action } from './messages.ts';

/** A route that callers sign: the broker's operation behind it, and what a caller must be allowed for it. */
interface CallerRoute {
  readonly operation: string;
  readonly action: Action;
}
/** A route that a browser opens, or a vendor: nothing but the request itself says who asks. */
interface PublicRoute {
  readonly operation: string;
  readonly public: true;
}

/** By the keys that API Gateway knows them by: `METHOD /path/{parameter}`. */
export const ROUTES = {
  'POST /connections/{connection}/token': { operation: 'token', action: 'token' },
  'GET /connections': { operation: 'list', action: 'read' },
  'GET /connections/{connection}': { operation: 'describe', action: 'read' },
  'GET /connections/{connection}/userinfo': { operation: 'userinfo', action: 'read' },
  'GET /connections/{connection}/grants': { operation: 'grants', action: 'read' },
  'POST /connections/{connection}/consent': { operation: 'startConsent', action: 'consent' },
  'POST /connections/{connection}/consent/{consent}': { operation: 'proceedConsent', action: 'consent' },
  'DELETE /connections/{connection}/grants/{subject}': { operation: 'revoke', action: 'revoke' },
  'GET /consent/{secret}': { operation: 'consentPage', public: true },
  'POST /consent/{secret}': { operation: 'continueConsent', public: true },
  'GET /callback/{connection}': { operation: 'callback', public: true },
  // Only for a connection whose `redirect_uri` names it.
  'GET /callback': { operation: 'callback', public: true },
  'GET /jwks/{connection}': { operation: 'jwks', public: true },
} as const satisfies Readonly<Record<`${'GET' | 'POST' | 'DELETE'} /${string}`, CallerRoute | PublicRoute>>;

type Routes = typeof ROUTES;
export type RouteKey = keyof Routes;
type KeyOf<Kind> = { [Key in RouteKey]: Routes[Key] extends Kind ? Key : never }[RouteKey];
type CallerRouteKey = KeyOf<CallerRoute>;
type PublicRouteKey = KeyOf<PublicRoute>;
type ParameterOf<Path> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never;
export type CallerOperation = Routes[CallerRouteKey]['operation'];
export type PublicOperation = Routes[PublicRouteKey]['operation'];

/**
 * What a path parameter may be, as it travels. Something that normalises paths between the caller's policy
 * and the handler must not make one connection's path out of another's: no encoded slash, no dots, nothing encoded
 * where a name has nothing to encode. (A connection's name of digits alone passes: it is one that is not there.)
 */
export const PARAMETERS: Readonly<Record<ParameterOf<RouteKey>, RegExp>> = {
  connection: /^[A-Za-z0-9_-]{1,64}$/,
  consent: /^[A-Za-z0-9_-]{1,128}$/,
  subject: /^(?!\.{1,2}$)(?:(?!%2f)[^/])+$/i,
  secret: /^[A-Za-z0-9_-]{43}$/,
};

const KEYS = Object.keys(ROUTES) as RouteKey[];

export const CALLER_ROUTES: readonly CallerRouteKey[] = KEYS.filter(isCallerRoute);
export const PUBLIC_ROUTES: readonly PublicRouteKey[] = KEYS.filter((key) => !isCallerRoute(key));

export function isCallerRoute(key: RouteKey): key is CallerRouteKey {
  return 'action' in ROUTES[key];
}

/** What a caller must be allowed for an operation. */
export function actionOf(operation: CallerOperation): Action {
  return ROUTES[CALLER_ROUTES.find((key) => ROUTES[key].operation === operation)!].action;
}

/**
 * The operation behind a route that callers sign; `undefined` for every other route, and for a path that is not
 * the route's own, spelt in the one way there is.
 */
export function callerOperation(routeKey: string, rawPath: string): CallerOperation | undefined {
  const key = CALLER_ROUTES.find((each) => each === routeKey);
  return key && parametersOf(key, rawPath, isCanonical) && ROUTES[key].operation;
}

function isCanonical(name: string, value: string): boolean {
  return PARAMETERS[name as keyof typeof PARAMETERS].test(value);
}

/** The same for a route that nobody signs. */
export function publicOperation(routeKey: string, rawPath: string): PublicOperation | undefined {
  const key = PUBLIC_ROUTES.find((each) => each === routeKey);
  return key && parametersOf(key, rawPath, isCanonical) && ROUTES[key].operation;
}

export interface MatchedRoute {
  readonly key: RouteKey;
  /** As they travel, percent-encoded. */
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Matches as API Gateway does: segments are compared as they were sent, so that an encoded slash stays inside
 * its parameter, and a doubled one matches nothing.
 */
export function matchRoute(method: string, rawPath: string): MatchedRoute | undefined {
  for (const key of KEYS) {
    if (partsOf(key).method !== method) continue;
    const parameters = parametersOf(key, rawPath, (_, value) => value !== '');
    if (parameters) return { key, parameters };
  }
  return undefined;
}

/** `{method: 'GET', path: '/connections/{connection}'}` */
export function partsOf(key: RouteKey): {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
} {
  const [method, path] = key.split(' ') as ['GET' | 'POST' | 'DELETE', string];
  return { method, path };
}

/** The path of one request; the values as they travel, percent-encoded where need be. */
export function pathOf<Key extends RouteKey>(
  key: Key,
  values: Readonly<Record<ParameterOf<Key>, string>>,
): string {
  return fillPath(key, (parameter) => values[parameter as ParameterOf<Key>]);
}

/** The path with each `{parameter}` replaced. */
export function fillPath(key: RouteKey, fill: (parameter: string) => string): string {
  return partsOf(key).path.replace(/\{(\w+)\}/g, (_, name: string) => fill(name));
}

function parametersOf(
  key: RouteKey,
  rawPath: string,
  fits: (name: string, value: string) => boolean,
): Record<string, string> | undefined {
  const wanted = partsOf(key).path.split('/');
  const segments = rawPath.split('/');
  if (wanted.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, want] of wanted.entries()) {
    const segment = segments[index]!;
    if (!want.startsWith('{')) {
      if (want !== segment) return undefined;
      continue;
    }
    const name = want.slice(1, -1);
    if (!fits(name, segment)) return undefined;
    parameters[name] = segment;
  }
  return parameters;
}
