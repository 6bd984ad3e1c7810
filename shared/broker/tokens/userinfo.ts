import { BrokerError, VendorError } from '../../contract/errors.ts';
import { getUserinfo } from '../../oauth/userinfo.ts';
import type { TokenRequest, TokenSource } from '../request.ts';
import type { VendorAccess } from '../vendor/access.ts';

/** Asks the vendor for the owner of the connection's token, with a token that never leaves the broker. */
export function userinfo(source: TokenSource, access: VendorAccess) {
  return async (request: TokenRequest): Promise<Record<string, unknown>> => {
    const { connection, vendor } = request;
    const { budget } = access.acquire(request);
    const { userinfoEndpoint } = await access.endpoints(connection, vendor, budget);
    if (!userinfoEndpoint) {
      throw new BrokerError('invalid_request', `Vendor "${vendor.name}" has no token-owner endpoint.`);
    }
    const first = await source(request);
    try {
      return await ask(first.token);
    } catch (error) {
      if (!(error instanceof VendorError) || error.vendorError !== 'invalid_token') throw error;
      // The cached token has died early; one new one, and no loop.
      return ask((await source({ ...request, rejected: first.token.fingerprint })).token);
    }

    function ask(token: Parameters<typeof getUserinfo>[1]): Promise<Record<string, unknown>> {
      return access.timed(connection, 'userinfo', () =>
        getUserinfo(userinfoEndpoint as string, token, budget, vendor.rejectionStatuses),
      );
    }
  };
}
