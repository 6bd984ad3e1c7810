import type { RegisteredClient } from './clients.ts';
import type { Counters, Endpoint } from './counters.ts';
import { type Answer, json, refusal, type VendorRequest } from './http.ts';
import type { Settings } from './settings.ts';
import type { AccessToken, TokenStore, TokenStyle } from './tokens.ts';

/** What a vendor's endpoints work with. */
export interface VendorState {
  readonly origin: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly settings: () => Settings;
  readonly counters: Counters;
  readonly clients: ReadonlyMap<string, RegisteredClient>;
  readonly tokens: TokenStore;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly endpoint: Endpoint;
  /** `keepRefreshToken`: a refresh does not rotate this time. */
  readonly handle: (
    request: VendorRequest,
    options: { keepRefreshToken: boolean },
  ) => Answer | Promise<Answer>;
}

/** A simulated vendor: what its tokens look like and what it serves. */
export interface VendorDefinition {
  readonly tokenStyle: TokenStyle;
  routes(vendor: VendorState): Route[];
}

/** @throws Refusal `unsupported_grant_type` or `unauthorized_client` */
export function requireGrantType(
  grantType: string | undefined,
  offered: readonly string[],
  client: RegisteredClient,
): void {
  if (grantType === undefined) throw refusal(400, 'invalid_request', 'grant_type is missing.');
  if (!offered.includes(grantType)) {
    throw refusal(400, 'unsupported_grant_type', `Supported grant types: ${offered.join(', ')}.`);
  }
  if (!client.grants.includes(grantType)) {
    throw refusal(400, 'unauthorized_client', `This client may use: ${client.grants.join(', ')}.`);
  }
}

/** The scopes asked for, all of them among those allowed. @throws Refusal `invalid_scope` */
export function requireScopes(asked: string | undefined, allowed: readonly string[]): string[] {
  const scopes = [...new Set((asked ?? '').split(' ').filter((scope) => scope !== ''))];
  const strange = scopes.filter((scope) => !allowed.includes(scope));
  if (strange.length > 0) {
    throw refusal(400, 'invalid_scope', `Not allowed: ${strange.join(' ')}. Allowed: ${allowed.join(' ')}.`);
  }
  return scopes;
}

/** @throws Refusal `invalid_request` naming the parameter that is missing or empty */
export function requireParameter(request: VendorRequest, name: string): string {
  const value = request.parameters[name];
  if (!value) throw refusal(400, 'invalid_request', `${name} is missing.`);
  return value;
}

/** The live token of an API request. @throws Refusal 401 (RFC 6750 §3.1) */
export function requireBearer(request: VendorRequest, tokens: TokenStore): AccessToken {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ', 2);
  const token = scheme.toLowerCase() === 'bearer' ? tokens.live(value) : undefined;
  if (token) return token;
  throw refusal(401, 'invalid_token', 'The access token is unknown, expired or revoked.', {
    'www-authenticate': 'Bearer error="invalid_token"',
  });
}

/** An API endpoint that any live token opens: it tells which user or team the token is for. */
export function apiRoute(vendor: VendorState, path: string): Route {
  return {
    method: 'GET',
    path,
    endpoint: 'api',
    handle: (request) => {
      const { clientId, owner, scopes } = requireBearer(request, vendor.tokens);
      return json(200, { client_id: clientId, owner, scope: scopes.join(' ') });
    },
  };
}
