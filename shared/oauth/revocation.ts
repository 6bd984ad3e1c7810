import * as oauth from 'oauth4webapi';
import type { Redacted } from '../contract/redacted.ts';
import { errorMember, failureOf, jsonObject } from './answer.ts';
import { withAttempts } from './attempts.ts';
import { type ClientCall, sendAsClient } from './client-request.ts';

/**
 * Has the vendor end a token (RFC 7009). A token that the vendor does not know counts as ended, and any 2xx
 * as success, whatever its body.
 * @throws VendorError
 */
export function revokeToken(
  call: ClientCall & { readonly token: Redacted; readonly tokenTypeHint: 'refresh_token' | 'access_token' },
): Promise<void> {
  const additionalParameters = { token_type_hint: call.tokenTypeHint };
  return withAttempts(call.budget, 'idempotent', async () => {
    const answer = await sendAsClient(call, 'revocationEndpoint', (server, client, authentication, options) =>
      oauth.revocationRequest(server, client, authentication, call.token.reveal(), {
        ...options,
        additionalParameters,
      }),
    );
    const success = answer.status >= 200 && answer.status <= 299;
    if (!success || errorMember(jsonObject(answer.body)) !== undefined) throw failureOf(answer);
  });
}
