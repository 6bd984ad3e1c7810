import { type Answer, json, Refusal, type VendorRequest } from './http.ts';
import { jwtLike } from './tokens.ts';
import { apiRoute, requireGrantType, type VendorDefinition, type VendorState } from './vendor-definition.ts';

/** BugSplat: client credentials in multipart/form-data; its token endpoint is called `authorize`. */
export const bugsplat: VendorDefinition = {
  tokenStyle: {
    accessToken: ({ clientId, scopes }) => jwtLike('RS256', { aud: clientId, scopes }),
    refreshToken: () => {
      throw new Error('BugSplat has no refresh tokens.');
    },
    refreshKillsAccessTokens: false,
  },
  routes: (vendor) => [
    {
      method: 'POST',
      path: '/oauth2/authorize',
      endpoint: 'token',
      handle: (request) => token(vendor, request),
    },
    apiRoute(vendor, '/api/versions'),
  ],
};

function token(vendor: VendorState, request: VendorRequest): Answer {
  if (request.encoding !== 'multipart') throw message('Expected multipart/form-data');
  const { grant_type, client_id, client_secret, scope } = request.parameters;
  const client = vendor.clients.get(client_id ?? '');
  if (!client) throw message(`Unknown clientId ${client_id ?? ''}`);
  // The only refusals of a secret that are known show status 200.
  if (client_secret !== client.clientSecret) return refused(200, 'invalid_client');
  requireGrantType(grant_type, ['client_credentials'], client);
  // Scopes are not composable: a client was created with one. The vendor's own client does not send it.
  const [own = ''] = client.scopes;
  if (scope !== undefined && scope !== own) return refused(400, 'invalid_scope');
  const issued = vendor.tokens.mint({ clientId: client.clientId, owner: client.clientId, scopes: [own] });
  return json(200, { token_type: 'Bearer', expires_in: issued.expiresIn, access_token: issued.value });
}

const DESCRIPTIONS = {
  invalid_client: 'Client authentication failed',
  invalid_scope: 'The requested scope is invalid, unknown, or malformed',
};

function refused(status: number, error: keyof typeof DESCRIPTIONS): Answer {
  return json(status, { error, error_description: DESCRIPTIONS[error] });
}

function message(text: string): Refusal {
  return new Refusal(json(400, { message: text }));
}
