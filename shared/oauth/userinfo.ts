import { VendorError } from '../contract/errors.ts';
import { type JsonObject, successObject } from './answer.ts';
import { withAttempts } from './attempts.ts';
import type { Budget } from './exchange.ts';
import { exchange } from './exchange.ts';
import type { Token } from './token.ts';

/**
 * Asks for a token's owner.
 * @param rejectionStatuses statuses by which this vendor says that the token is no good
 * @throws VendorError `vendor_rejected` with `vendorError` `invalid_token` (RFC 6750 §3.1) for a refused token;
 *   other VendorErrors when the vendor failed
 */
export function getUserinfo(
  url: string,
  token: Pick<Token, 'accessToken' | 'tokenType'>,
  budget: Budget,
  rejectionStatuses: readonly number[] = [401],
): Promise<JsonObject> {
  const accessToken = token.accessToken.reveal();
  const request = {
    method: 'GET',
    url,
    headers: { accept: 'application/json', authorization: `${token.tokenType} ${accessToken}` },
    secrets: [accessToken],
  } as const;
  return withAttempts(budget, 'idempotent', async () => {
    const answer = await exchange(request, budget);
    if (rejectionStatuses.includes(answer.status)) {
      throw new VendorError(
        'vendor_rejected',
        `${answer.host} refused the access token (HTTP ${answer.status}).`,
        {
          vendorError: 'invalid_token',
        },
      );
    }
    return successObject(answer);
  });
}
