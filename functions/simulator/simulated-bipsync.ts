import { randomBytes } from 'node:crypto';
import { DEVICE_CODE_GRANT } from '../../shared/connections/connection.ts';
import { AuthorizationCodes } from './authorization-codes.ts';
import { authorizationRoutes } from './authorization-endpoint.ts';
import { namedClient, requireSecret } from './body-client.ts';
import type { RegisteredClient } from './clients.ts';
import { DeviceCodes } from './device-codes.ts';
import { deviceRoutes } from './device-page.ts';
import { type Answer, json, refusal, type VendorRequest } from './http.ts';
import { type Issued, jwtLike } from './tokens.ts';
import {
  apiRoute,
  type Route,
  requireGrantType,
  requireParameter,
  requireScopes,
  type VendorDefinition,
  type VendorState,
} from './vendor-definition.ts';

const GRANTS = ['client_credentials', 'authorization_code', 'refresh_token', DEVICE_CODE_GRANT];
const PATHS = {
  metadata: '/.well-known/oauth-authorization-server',
  authorize: '/v1/oauth/authorize',
  token: '/v1/oauth/token',
  device: '/v1/oauth/device',
  revoke: '/v1/oauth/revoke',
  devicePage: '/oauth/device',
};

/** Bipsync: metadata, PKCE, refresh that kills both old tokens, device codes, revocation. */
export const bipsync: VendorDefinition = {
  tokenStyle: {
    accessToken: ({ clientId, owner, scopes }) => jwtLike('RS256', { aud: clientId, sub: owner, scopes }),
    refreshToken: () => `def50200${randomBytes(96).toString('hex')}`,
    refreshKillsAccessTokens: true,
  },
  routes: (vendor) => {
    const codes = new AuthorizationCodes(vendor);
    const devices = new DeviceCodes(vendor);
    return [
      { method: 'GET', path: PATHS.metadata, endpoint: 'metadata', handle: () => metadata(vendor) },
      ...authorizationRoutes(vendor, codes, {
        title: 'Bipsync',
        path: PATHS.authorize,
        requirePkce: true,
        announceIssuer: true,
      }),
      ...deviceRoutes(devices, 'Bipsync', PATHS.devicePage),
      post(PATHS.device, 'device', (request) => {
        const client = authenticated(vendor, request);
        requireGrantType(DEVICE_CODE_GRANT, GRANTS, client);
        return devices.begin(client, request, vendor.origin + PATHS.devicePage);
      }),
      post(PATHS.token, 'token', (request, options) =>
        token(vendor, codes, devices, request, options.keepRefreshToken),
      ),
      post(PATHS.revoke, 'revoke', (request) => revoke(vendor, request)),
      apiRoute(vendor, '/v1/me'),
    ];
  },
};

function post(path: string, endpoint: Route['endpoint'], handle: Route['handle']): Route {
  return { method: 'POST', path, endpoint, handle };
}

function metadata(vendor: VendorState): Answer {
  vendor.counters.count('metadata_fetches');
  return json(200, {
    issuer: vendor.origin,
    authorization_endpoint: vendor.origin + PATHS.authorize,
    token_endpoint: vendor.origin + PATHS.token,
    device_authorization_endpoint: vendor.origin + PATHS.device,
    revocation_endpoint: vendor.origin + PATHS.revoke,
    response_types_supported: ['code'],
    grant_types_supported: GRANTS,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'none'],
    revocation_endpoint_auth_methods_supported: ['client_secret_post', 'none'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  });
}

function authenticated(vendor: VendorState, request: VendorRequest): RegisteredClient {
  if (request.encoding !== 'form' && request.encoding !== 'json') {
    throw refusal(400, 'invalid_request', 'Expected application/x-www-form-urlencoded or application/json.');
  }
  const client = namedClient(vendor.clients, request);
  requireSecret(client, request);
  return client;
}

function token(
  vendor: VendorState,
  codes: AuthorizationCodes,
  devices: DeviceCodes,
  request: VendorRequest,
  keepRefreshToken: boolean,
): Answer {
  const client = authenticated(vendor, request);
  const { grant_type } = request.parameters;
  requireGrantType(grant_type, GRANTS, client);
  switch (grant_type) {
    case 'authorization_code':
      return answer(codes.exchange(client, request));
    case 'refresh_token':
      return answer(refreshed(vendor, client, request, keepRefreshToken));
    case DEVICE_CODE_GRANT:
      return answer(devices.poll(client, request));
    default:
      return answer(minted(vendor, client, request));
  }
}

/** A token without a team would reach nothing. @throws Refusal `invalid_scope` */
function minted(vendor: VendorState, client: RegisteredClient, request: VendorRequest): Issued {
  if (!client.clientSecret) throw refusal(400, 'unauthorized_client', 'A public client has no credentials.');
  const scopes = requireScopes(request.parameters.scope, client.scopes);
  const team = scopes.find((scope) => /^team_[^ ]+$/.test(scope));
  if (team === undefined) throw refusal(400, 'invalid_scope', 'The scope must contain team_{id}.');
  const holder = { clientId: client.clientId, owner: team.replace('_', ':'), scopes };
  return { accessToken: vendor.tokens.mint(holder) };
}

function refreshed(
  vendor: VendorState,
  client: RegisteredClient,
  request: VendorRequest,
  keepRefreshToken: boolean,
): Issued {
  const presented = requireParameter(request, 'refresh_token');
  const grant = vendor.tokens.renewable(presented, client.clientId);
  const asked = request.parameters.scope;
  const scopes = asked === undefined ? grant.scopes : requireScopes(asked, grant.scopes);
  return vendor.tokens.renew(grant, presented, scopes, keepRefreshToken);
}

/** RFC 7009: a token that is unknown already counts as revoked; another client's is refused. */
function revoke(vendor: VendorState, request: VendorRequest): Answer {
  const client = authenticated(vendor, request);
  const value = requireParameter(request, 'token');
  const holder = vendor.tokens.holderOf(value);
  if (holder && holder.clientId !== client.clientId) {
    throw refusal(400, 'invalid_grant', "The token is another client's.");
  }
  vendor.tokens.revoke(value);
  vendor.counters.count('revocations');
  return { status: 200, headers: { 'cache-control': 'no-store' }, body: '' };
}

function answer({ accessToken, refreshToken }: Issued): Answer {
  return json(200, {
    token_type: 'bearer',
    expires_in: accessToken.expiresIn,
    access_token: accessToken.value,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  });
}
