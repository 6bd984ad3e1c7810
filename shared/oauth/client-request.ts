import * as oauth from 'oauth4webapi';
import { BrokerError } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
import { encodeBody } from './body.ts';
import { type Assertions, clientAuthentication } from './client-authentication.ts';
import { type Answer, exchange } from './exchange.ts';
import type { TokenCall } from './types.ts';

/** A request that the client must authenticate: to the token, device authorization, pushed authorization request or revocation endpoint. */
export type ClientCall = Pick<TokenCall, 'endpoints' | 'client' | 'clientAuth' | 'dialect' | 'budget'>;

/** Endpoints at which a client authenticates. */
type ClientEndpoint =
  | 'tokenEndpoint'
  | 'deviceAuthorizationEndpoint'
  | 'pushedAuthorizationRequestEndpoint'
  | 'revocationEndpoint';

interface RequestOptions {
  readonly [oauth.allowInsecureRequests]: true;
  readonly [oauth.customFetch]: (
    url: string,
    options: oauth.CustomFetchOptions<'POST', URLSearchParams>,
  ) => Promise<Response>;
}

type Build = (
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  authentication: oauth.ClientAuth,
  options: RequestOptions,
) => Promise<Response>;

/** Parameters whose values no answer may be quoted with. */
const SECRET_PARAMETERS = [
  'client_secret',
  'client_assertion',
  'assertion',
  'subject_token',
  'refresh_token',
  'code',
  'code_verifier',
  'device_code',
  'token',
  'state',
  'nonce',
];

/**
 * Has oauth4webapi build and authenticate a request, and sends it through our exchange.
 *
 * Only oauth4webapi's requests are used, not its judgement of answers: that throws away a rotated refresh
 * token for one odd member beside it, and its errors carry the body. The answer is therefore handed around
 * it, and what it throws is dropped on the spot.
 *
 * @throws VendorError when there is no answer; BrokerError
 */
export async function sendAsClient(call: ClientCall, at: ClientEndpoint, build: Build): Promise<Answer> {
  const { endpoints, client } = call;
  let answer: Answer | undefined;
  let failure: unknown;
  const send: RequestOptions[typeof oauth.customFetch] = async (url, { body, headers }) => {
    try {
      answer = await post(call, url, body, headers);
    } catch (error) {
      failure = error;
    }
    return new Response();
  };
  try {
    await build(
      present({
        issuer: endpoints.issuer ?? endpoints.tokenEndpoint,
        token_endpoint: endpoints.tokenEndpoint,
        device_authorization_endpoint: endpoints.deviceAuthorizationEndpoint,
        pushed_authorization_request_endpoint: endpoints.pushedAuthorizationRequestEndpoint,
        revocation_endpoint: endpoints.revocationEndpoint,
      }),
      { client_id: client.clientId },
      clientAuthentication(client, call.clientAuth, assertionsOf(call, endpoints[at])),
      // The exchange itself refuses http to any host but this machine.
      { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: send },
    );
  } catch (error) {
    failure ??= error instanceof BrokerError ? error : undefined;
  }
  if (failure !== undefined) throw failure;
  if (answer === undefined) throw new BrokerError('internal', 'A request to the vendor could not be built.');
  return answer;
}

/** RFC 7523 §3; a server whose issuer nobody knows is known by its token endpoint. */
export function assertionsOf(
  { endpoints, dialect, budget }: ClientCall,
  endpoint: string | undefined,
): Assertions {
  const { issuer, tokenEndpoint, assertionAlgorithms = dialect.assertionAlgorithms } = endpoints;
  const audiences = { token_endpoint: tokenEndpoint, issuer, endpoint };
  return {
    audience: audiences[dialect.assertionAudience ?? 'token_endpoint'] ?? tokenEndpoint,
    budget,
    ...present({ algorithms: assertionAlgorithms }),
  };
}

async function post(
  { client, dialect, budget, endpoints }: ClientCall,
  url: string,
  parameters: URLSearchParams,
  headers: Record<string, string>,
): Promise<Answer> {
  const { scopeSeparator = ' ' } = dialect;
  const scope = parameters.get('scope');
  if (scope !== null) parameters.set('scope', scope.replaceAll(' ', scopeSeparator));
  const { contentType, body } = await encodeBody(parameters, dialect.encoding);
  const secrets = SECRET_PARAMETERS.flatMap((name) => parameters.getAll(name));
  if (client.clientSecret !== undefined) secrets.push(client.clientSecret.reveal());
  // HTTP Basic: id and secret together encode to other characters than the secret alone.
  if (headers.authorization !== undefined) secrets.push(headers.authorization.replace(/^\S+ /, ''));
  return exchange(
    {
      method: 'POST',
      url,
      headers: {
        ...(url === endpoints.tokenEndpoint && dialect.headers),
        ...headers,
        'content-type': contentType,
      },
      body,
      secrets,
    },
    budget,
  );
}
