import * as oauth from 'oauth4webapi';
import { BrokerError } from '../contract/errors.ts';
import { Redacted } from '../contract/redacted.ts';
import { sha256Base64url } from '../contract/sha256.ts';
import { showableError } from './answer.ts';
import { echoes } from './echoes.ts';

interface AuthorizationRequest {
  readonly endpoint: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Between them; absent: a space. */
  readonly scopeSeparator?: string;
  /** PKCE (RFC 7636); `undefined` where the vendor does not take it. */
  readonly codeVerifier: Redacted | undefined;
  /** More parameters that the vendor wants; they cannot replace ours. */
  readonly parameters: Readonly<Record<string, string>>;
}

export function createCodeVerifier(): Redacted {
  return new Redacted(oauth.generateRandomCodeVerifier());
}

/**
 * The URL to send a person to (RFC 6749 §4.1.1, with a challenge by S256: RFC 7636 §4.2), but for the `state`, which is made for the
 * person's browser. A query in the endpoint stays.
 */
export function authorizationUrl(request: AuthorizationRequest): string {
  const url = new URL(request.endpoint);
  for (const [name, value] of Object.entries(request.parameters)) url.searchParams.set(name, value);
  // These come last, so that nothing above can stand in for them.
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('client_id', request.clientId);
  url.searchParams.set('redirect_uri', request.redirectUri);
  url.searchParams.delete('state');
  if (request.scopes.length > 0)
    url.searchParams.set('scope', request.scopes.join(request.scopeSeparator ?? ' '));
  // Some servers demand it. The ID token that bears it is not read: the broker signs nobody in.
  if (request.scopes.includes('openid') && !url.searchParams.has('nonce'))
    url.searchParams.set('nonce', oauth.generateRandomNonce());
  if (request.codeVerifier !== undefined) {
    url.searchParams.set('code_challenge', sha256Base64url(request.codeVerifier.reveal()));
    url.searchParams.set('code_challenge_method', 'S256');
  }
  return url.href;
}

/** The URL for one browser. */
export function withState(authorizationUrl: string, state: string): string {
  const url = new URL(authorizationUrl);
  url.searchParams.set('state', state);
  return url.href;
}

/** Parameters of the token request that redeems a code (RFC 6749 §4.1.3). */
export function authorizationCodeParameters(grant: {
  readonly code: Redacted;
  readonly redirectUri: string;
  readonly codeVerifier: Redacted | undefined;
}): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    code: grant.code.reveal(),
    redirect_uri: grant.redirectUri,
    ...(grant.codeVerifier && { code_verifier: grant.codeVerifier.reveal() }),
  };
}

/**
 * Where no issuer is configured, any that stands where the code will be sent to: one that stands elsewhere tells of
 * a mix-up between two servers (RFC 9207 §1).
 */
function likelyIssuer(parameters: URLSearchParams, tokenEndpoint: string): string {
  const { origin } = new URL(tokenEndpoint);
  const named = parameters.get('iss');
  return named !== null && URL.parse(named)?.origin === origin ? named : origin;
}

type AuthorizationResponse =
  | { readonly code: Redacted }
  /** The person or the vendor said no. `error` is absent when it is not fit to be shown. */
  | { readonly refused: true; readonly error?: string };

/**
 * Reads what the vendor sent the person's browser back with (RFC 6749 §4.1.2, RFC 9207).
 * @throws BrokerError `invalid_request` when it is malformed, of another consent, or of another server
 */
export function readAuthorizationResponse(
  parameters: URLSearchParams,
  expected: {
    readonly state: string;
    readonly tokenEndpoint: string;
    readonly issuer?: string;
    readonly issInResponse?: boolean;
  },
): AuthorizationResponse {
  const { issuer = likelyIssuer(parameters, expected.tokenEndpoint), issInResponse = false } = expected;
  try {
    const server = { issuer, authorization_response_iss_parameter_supported: issInResponse };
    const code = oauth
      .validateAuthResponse(server, { client_id: 'unused' }, parameters, expected.state)
      .getAll('code');
    if (code.length === 1 && code[0]) return { code: new Redacted(code[0]) };
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) {
      const shown = showableError(error.error);
      const safe = shown !== undefined && !echoes([expected.state], shown);
      return { refused: true, ...(safe && { error: shown }) };
    }
  }
  throw new BrokerError(
    'invalid_request',
    'This is not an answer to the authorization request: code and state must be there once, and iss must name the server that was asked.',
  );
}
