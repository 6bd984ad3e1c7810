import type { VendorApi } from './apis.ts';
import { TokenBrokerError } from './errors.ts';
import { canBeSentAgain, mayReceive, sendWithToken } from './redirects.ts';
import type { Token } from './token.ts';
import type { Ask, TokenCache } from './token-cache.ts';

export interface ApiFetchParts {
  readonly tokens: Pick<TokenCache, 'get'>;
  readonly apiOf: (connection: string) => Promise<VendorApi>;
}

/**
 * A request to the vendor's API with the connection's token. If the API refuses the token, the broker is told,
 * and the request is sent once more with the new one.
 * @throws TokenBrokerError `host_not_allowed` before anything is sent, or no token could be had; what fetch throws
 */
export async function apiFetch(
  { tokens, apiOf }: ApiFetchParts,
  ask: Ask,
  url: string | URL,
  init: RequestInit,
): Promise<Response> {
  const target = new URL(url);
  const api = await apiOf(ask.connection);
  if (!mayReceive(api, target)) throw notAllowed(ask.connection, target, api);
  const token = await tokens.get(ask);
  init.signal?.throwIfAborted();
  const response = await sendWithToken(target, init, token);
  if (!api.rejectionStatuses.includes(response.status)) return response;
  const replacement = await replace(tokens, ask, token);
  if (!replacement || !canBeSentAgain(init.body)) return response;
  await response.body?.cancel();
  return sendWithToken(target, init, replacement);
}

/** `undefined` when there is none to be had: the API's own answer then says more than ours would. */
async function replace(
  tokens: ApiFetchParts['tokens'],
  ask: Ask,
  refused: Token,
): Promise<Token | undefined> {
  const rejected = refused.fingerprint;
  try {
    const token = await tokens.get({ ...ask, rejected });
    return token.fingerprint === rejected ? undefined : token;
  } catch {
    return undefined;
  }
}

function notAllowed(connection: string, { protocol, host }: URL, { hosts }: VendorApi): TokenBrokerError {
  return new TokenBrokerError(
    'host_not_allowed',
    `Tokens of ${connection} are not sent to ${protocol}//${host}: allowed are ${hosts.map((name) => `https://${name}`).join(', ') || 'no hosts'} ` +
      '(`api_hosts` of the connection).',
  );
}
