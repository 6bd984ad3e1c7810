import { randomUUID } from 'node:crypto';
import { AssertionChecker } from './assertion.ts';
import { AuthorizationCodes } from './authorization-codes.ts';
import { authorizationRoutes } from './authorization-endpoint.ts';
import { badClient, namedClient, requireSecret } from './body-client.ts';
import type { RegisteredClient } from './clients.ts';
import { type Answer, json, refusal, type VendorRequest } from './http.ts';
import type { Issued } from './tokens.ts';
import {
  apiRoute,
  requireGrantType,
  requireParameter,
  requireScopes,
  type VendorDefinition,
  type VendorState,
} from './vendor-definition.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const GRANTS = ['client_credentials', 'authorization_code', 'refresh_token'];

/** Bugfender: service accounts by secret or by RS256 assertion, and integrations by authorization code. */
export const bugfender: VendorDefinition = {
  tokenStyle: {
    accessToken: () => randomUUID(),
    refreshToken: () => randomUUID(),
    refreshKillsAccessTokens: false,
  },
  routes: (vendor) => {
    const codes = new AuthorizationCodes(vendor);
    const assertions = new AssertionChecker();
    return [
      ...authorizationRoutes(vendor, codes, {
        title: 'Bugfender',
        path: '/auth/authorize',
        requirePkce: false,
        announceIssuer: false,
      }),
      {
        method: 'POST',
        path: '/auth/token',
        endpoint: 'token',
        handle: async (request, options) => {
          const client = await authenticated(vendor, assertions, request);
          return token(vendor, codes, client, request, options.keepRefreshToken);
        },
      },
      apiRoute(vendor, '/api/app/'),
    ];
  },
};

async function authenticated(
  vendor: VendorState,
  assertions: AssertionChecker,
  request: VendorRequest,
): Promise<RegisteredClient> {
  if (request.encoding !== 'form') {
    throw refusal(400, 'invalid_request', 'Expected application/x-www-form-urlencoded.');
  }
  const client = namedClient(vendor.clients, request);
  const { client_assertion, client_assertion_type } = request.parameters;
  if (client_assertion === undefined && client.clientSecret) requireSecret(client, request);
  else if (client_assertion === undefined || !client.publicKey) {
    throw badClient(`This client proves itself with ${client.clientSecret ? 'its secret' : 'an assertion'}.`);
  } else if (client_assertion_type !== ASSERTION_TYPE) {
    throw badClient(`client_assertion_type must be ${ASSERTION_TYPE}.`);
  } else {
    await assertions.check(client_assertion, {
      clientId: client.clientId,
      tokenUrl: `${vendor.origin}/auth/token`,
      publicKey: client.publicKey,
      now: vendor.now(),
    });
  }
  return client;
}

function token(
  vendor: VendorState,
  codes: AuthorizationCodes,
  client: RegisteredClient,
  request: VendorRequest,
  keepRefreshToken: boolean,
): Answer {
  const { grant_type, scope } = request.parameters;
  requireGrantType(grant_type, GRANTS, client);
  if (grant_type === 'authorization_code') return answer(codes.exchange(client, request));
  if (grant_type === 'refresh_token') return answer(refreshed(vendor, client, request, keepRefreshToken));
  requireScopes(scope, client.scopes);
  const holder = { clientId: client.clientId, owner: client.clientId, scopes: client.scopes };
  return answer({ accessToken: vendor.tokens.mint(holder) });
}

function refreshed(
  vendor: VendorState,
  client: RegisteredClient,
  request: VendorRequest,
  keepRefreshToken: boolean,
): Issued {
  const presented = requireParameter(request, 'refresh_token');
  const redirectUri = requireParameter(request, 'redirect_uri');
  const grant = vendor.tokens.renewable(presented, client.clientId);
  if (redirectUri !== grant.redirectUri) {
    throw refusal(400, 'invalid_grant', 'redirect_uri is not the one of the authorization.');
  }
  return vendor.tokens.renew(grant, presented, grant.scopes, keepRefreshToken);
}

function answer({ accessToken, refreshToken }: Issued): Answer {
  return json(200, {
    access_token: accessToken.value,
    token_type: 'bearer',
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    expires_in: accessToken.expiresIn,
  });
}
