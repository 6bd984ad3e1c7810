import * as oauth from 'oauth4webapi';
import { withAttempts } from './attempts.ts';
import { sendAsClient } from './client-request.ts';
import { readTokenReply } from './token-reply.ts';
import type { TokenCall, TokenReply } from './types.ts';

/**
 * Asks a token endpoint (RFC 6749 §3.2) and gives its parseable 2xx answer. Each attempt is authenticated
 * afresh, and nothing is sent after the budget's deadline.
 * @throws VendorError
 */
export function requestToken(call: TokenCall): Promise<TokenReply> {
  return withAttempts(call.budget, call.resend, async () => {
    const given = typeof call.parameters === 'function' ? await call.parameters() : call.parameters;
    const { grant_type: grantType = '', ...own } = given;
    const parameters = new URLSearchParams(own);
    for (const [name, values] of Object.entries(call.dialect.tokenParams ?? {}))
      for (const value of [values].flat()) parameters.append(name, value);
    const answer = await sendAsClient(call, 'tokenEndpoint', (server, client, authentication, options) =>
      oauth.genericTokenEndpointRequest(server, client, authentication, grantType, parameters, options),
    );
    return readTokenReply(answer, call.dialect);
  });
}
