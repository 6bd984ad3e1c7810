import { createHash } from 'node:crypto';
import type { RegisteredClient } from './clients.ts';
import { type Answer, json, refusal, type VendorRequest } from './http.ts';
import { jwtLike } from './tokens.ts';
import {
  apiRoute,
  requireBearer,
  requireGrantType,
  requireScopes,
  type VendorDefinition,
  type VendorState,
} from './vendor-definition.ts';

/** The claims that `application.session` needs, and that no other scope takes. */
const SESSION_CLAIMS = ['application_id', 'workflow_id', 'redirect_url'];

/** Bits: HTTP Basic of the raw id and secret, and `type` where everyone else says `token_type`. */
export const bits: VendorDefinition = {
  tokenStyle: {
    accessToken: ({ clientId, scopes }) => jwtLike('HS256', { sub: clientId, scope: scopes.join(' ') }),
    refreshToken: () => {
      throw new Error('Bits has no refresh tokens.');
    },
    refreshKillsAccessTokens: false,
  },
  routes: (vendor) => [
    {
      method: 'POST',
      path: '/v1/oauth2/token',
      endpoint: 'token',
      handle: (request) => token(vendor, request),
    },
    {
      method: 'GET',
      path: '/oauth2/userinfo',
      endpoint: 'userinfo',
      handle: (request) =>
        json(200, { customerId: customerId(requireBearer(request, vendor.tokens).clientId) }),
    },
    apiRoute(vendor, '/v1/applications'),
  ],
};

function token(vendor: VendorState, request: VendorRequest): Answer {
  if (request.encoding !== 'form') {
    throw refusal(400, 'invalid_request', 'Expected application/x-www-form-urlencoded.');
  }
  const client = authenticated(vendor, request);
  requireGrantType(request.parameters.grant_type, ['client_credentials'], client);
  const scopes = requireScopes(request.parameters.scope ?? 'application', client.scopes);
  requireSessionClaims(request, scopes);
  const owner = request.parameters.application_id ?? client.clientId;
  const issued = vendor.tokens.mint({ clientId: client.clientId, owner, scopes });
  return json(200, {
    type: 'Bearer',
    access_token: issued.value,
    expires_in: issued.expiresIn,
    scope: scopes.join(' '),
  });
}

function authenticated(vendor: VendorState, request: VendorRequest): RegisteredClient {
  for (const name of ['client_id', 'client_secret']) {
    if (name in request.parameters) {
      throw refusal(400, 'invalid_request', `${name} belongs in the Authorization header, not in the body.`);
    }
  }
  const [scheme = '', credentials = ''] = (request.headers.authorization ?? '').split(' ', 2);
  const [, clientId = '', secret] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? [];
  const client = vendor.clients.get(clientId);
  // Raw: a form-encoded id or secret (RFC 6749 §2.3.1) does not match.
  if (scheme.toLowerCase() === 'basic' && client && secret === client.clientSecret) return client;
  throw refusal(401, 'invalid_client', 'The credentials are wrong.', { 'www-authenticate': 'Basic' });
}

function requireSessionClaims(request: VendorRequest, scopes: readonly string[]): void {
  const session = scopes.includes('application.session');
  for (const name of SESSION_CLAIMS) {
    const given = Boolean(request.parameters[name]);
    if (session && !given) throw refusal(400, 'invalid_request', `application.session needs ${name}.`);
    if (!session && given) throw refusal(400, 'invalid_request', `${name} needs application.session.`);
  }
}

function customerId(clientId: string): string {
  const hex = createHash('sha256').update(clientId).digest('hex');
  return `bits:customer::${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')}`;
}
