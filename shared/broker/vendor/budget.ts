/**
 * How often a vendor is asked for callers' sake (invariant 15): so often a minute for a connection, and for one principal
 * of it, whatever they ask with. It is taken directly before the vendor is asked, under the lease: who waits for another's
 * mint uses up nothing. What the sweep does, and what a vendor has itself sent a person back for, is not counted.
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError } from '../../contract/errors.ts';
import { MemoryCache } from '../../contract/memory-cache.ts';
import { sha256Base64url } from '../../contract/sha256.ts';
import type { Clock } from '../../oauth/clock.ts';
import { ignoringUnavailable } from '../ignoring-unavailable.ts';
import type { BudgetTable } from '../ports.ts';
import { parsePrincipal } from '../principals.ts';
import type { Spender } from '../request.ts';

/** @throws BrokerError `rate_limited` */
export type SpendBudget = (connection: Connection, spender: Spender) => Promise<void>;

const WINDOW = 60_000;

export function vendorBudget({ budgets, clock }: { budgets: BudgetTable; clock: Clock }): SpendBudget {
  // Whoever has used up the budget is told so without another write.
  const exhausted = new MemoryCache<number>();
  // What this process has had counted: while the table is silent it keeps to that (invariant 6).
  const alone = new MemoryCache<number>();

  return async (connection, { principal }) => {
    const { name, vendorBudget: limits } = connection;
    const window = Math.floor(clock.now() / WINDOW);
    const who = principal === undefined ? undefined : nameOf(principal);
    const key = `${name} ${who}`;
    if (exhausted.get(key) === window) throw exceeded();
    const own = ownCounts(connection, window, who);
    const counted = await ignoringUnavailable(budgets.spend(name, window, who, limits));
    if (counted ?? own.every(({ key, limit }) => (alone.get(key) ?? 0) < limit)) {
      for (const { key } of own) alone.put(key, (alone.get(key) ?? 0) + 1);
      return;
    }
    exhausted.put(key, window);
    throw exceeded();
  };

  function ownCounts({ name, vendorBudget }: Connection, window: number, who: string | undefined) {
    const all = { key: `${name} ${window}`, limit: vendorBudget.perMinute };
    return who === undefined ? [all] : [all, { key: `${all.key} ${who}`, limit: vendorBudget.perPrincipal }];
  }

  function exceeded(): BrokerError {
    return new BrokerError(
      'rate_limited',
      'The vendor has been asked as often as this minute allows, for this caller or for the whole connection ("vendor_budget"). Tokens that are there already are still given.',
      { retryAfter: (WINDOW - (clock.now() % WINDOW)) / 1000 },
    );
  }
}

/** Whose report it was that the API refuses a token; direct invokers are one. */
export function reporterOf({ spender }: { readonly spender?: Spender }): string {
  return spender?.principal === undefined ? 'invoke' : nameOf(spender.principal);
}

/** The sessions of a role are one principal: their names are the caller's choice. */
function nameOf(arn: string): string {
  const principal = parsePrincipal(arn);
  const { account, kind, name } = principal ?? { account: '', kind: '', name: arn };
  return sha256Base64url(JSON.stringify([account, kind, name])).slice(0, 22);
}
