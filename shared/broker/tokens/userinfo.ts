import { BrokerError, VendorError } from '../../contract/errors.ts';
import { MemoryCache } from '../../contract/memory-cache.ts';
import type { Clock } from '../../oauth/clock.ts';
import type { Token } from '../../oauth/token.ts';
import { getUserinfo } from '../../oauth/userinfo.ts';
import type { TokenRequest, TokenSource } from '../request.ts';
import type { VendorAccess } from '../vendor/access.ts';
import type { SpendBudget } from '../vendor/budget.ts';

interface UserinfoParts {
  readonly source: TokenSource;
  readonly access: VendorAccess;
  readonly spend: SpendBudget;
  readonly clock: Clock;
}

type Userinfo = Record<string, unknown>;

/** How long an answer serves all who ask with the same token, in milliseconds: whose it is does not change. */
const SERVES = 60_000;

/**
 * Asks the vendor for the owner of the connection's token, with a token that never leaves the broker. Only members that
 * the vendor's description names are handed on: a server may put anything there, the token included.
 */
export function userinfo({ source, access, spend, clock }: UserinfoParts) {
  const answers = new MemoryCache<{ readonly at: number; readonly answer: Promise<Userinfo> }>();

  return async (request: TokenRequest): Promise<Userinfo> => {
    const { connection, vendor } = request;
    const { budget } = access.acquire(request);
    const { userinfoEndpoint } = await access.endpoints(connection, vendor, budget);
    if (!userinfoEndpoint) {
      throw new BrokerError('invalid_request', `Vendor "${vendor.name}" has no token-owner endpoint.`);
    }
    const first = await source(request);
    try {
      return await ask(first.token, userinfoEndpoint);
    } catch (error) {
      if (!(error instanceof VendorError) || error.vendorError !== 'invalid_token') throw error;
      // The cached token has died early; one new one, and no loop.
      const { token } = await source({ ...request, rejected: first.token.fingerprint });
      return ask(token, userinfoEndpoint);
    }

    /** Those who ask at one time share one call, too; a failure is nobody's answer but theirs. */
    function ask(token: Token, endpoint: string): Promise<Userinfo> {
      const known = answers.get(token.fingerprint);
      if (known && clock.now() - known.at < SERVES) return known.answer;
      const answer = askVendor(token, endpoint);
      answers.put(token.fingerprint, { at: clock.now(), answer });
      answer.catch(() => answers.delete(token.fingerprint));
      return answer;
    }

    async function askVendor(token: Token, endpoint: string): Promise<Userinfo> {
      if (request.spender) await spend(connection, request.spender);
      const whole = await access.timed(connection, 'userinfo', () =>
        getUserinfo(endpoint, token, budget, vendor.rejectionStatuses),
      );
      const told = vendor.userinfoMembers.filter((member) => Object.hasOwn(whole, member));
      return Object.fromEntries(told.map((member) => [member, whole[member]]));
    }
  };
}
