/**
 * Client credentials: a token minted under a lease, kept in the disposable table.
 *
 *   read ─▶ take the lease (rev as seen) ─▶ vendor ─▶ write the result (rev as taken, lease gone)
 *              │ lost: somebody else wrote        │ refused or failed: write the failure, lease gone
 *              ▼                                  ▼
 *           read again                        waiting requests take the failure as their answer
 *
 * A holder that dies leaves the lease to run out. One that is frozen finds, on thawing, the deadline past (and
 * sends nothing) or the entry moved on (and writes nothing). Without DynamoDB, minting goes on unleased, and
 * this process's memory takes the table's part.
 */
import { isAssertionGrant } from '../../connections/connection.ts';
import { StoreUnavailable, UnreadableValue, VendorError } from '../../contract/errors.ts';
import type { MemoryCache } from '../../contract/memory-cache.ts';
import { assertionParameters } from '../../oauth/assertion-grant.ts';
import type { Token } from '../../oauth/token.ts';
import { requestToken } from '../../oauth/token-endpoint.ts';
import type { Stored, TokenEntry, TokensTable } from '../ports.ts';
import type { TokenRequest } from '../request.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import { reporterOf, type SpendBudget } from '../vendor/budget.ts';
import { endedAlready, nextFailure } from '../vendor/failure.ts';
import { cacheKey } from './cache-key.ts';
import type { KeyState, Renew, TokenSupply } from './resolve.ts';

interface MintParts extends Pick<VendorAccessParts, 'clock' | 'timing' | 'observe'> {
  readonly tokens: TokensTable;
  /** What this process knows of its keys while the table fails. */
  readonly fallback: MemoryCache<TokenEntry>;
  readonly access: VendorAccess;
  readonly spend: SpendBudget;
}

export function mintingSupply(parts: MintParts, request: TokenRequest): TokenSupply {
  const { clock, timing, observe, tokens, fallback, access } = parts;
  const { connection } = request;
  const key = cacheKey(request);

  let unreadSince: number | undefined;

  return { key, margin: timing.renewAhead, exclusive: false, read };

  async function read(consistent: boolean): Promise<KeyState> {
    const entry = await asCache('read', () => tokens.read(key, { consistent }));
    if (entry instanceof StoreUnavailable) return unread(entry);
    if (entry?.unreadable !== undefined) tellUnreadable(entry.unreadable);
    if (entry) fallback.put(key, entry);
    return stateOf(entry, (forced) => mintUnderLease(entry, forced));
  }

  /**
   * The table could not say. Where it refuses reads for load it may still give a lease, so that not every process mints
   * because all are throttled; what another has written is waited for, though not for long.
   */
  async function unread({ throttled }: StoreUnavailable): Promise<KeyState> {
    unreadSince ??= clock.now();
    const blind = throttled && clock.now() - unreadSince < timing.renewalWait;
    const renew: Renew = blind ? (forced) => mintUnderLease(undefined, forced) : mintAlone;
    return { ...(await stateOf(fallback.get(key), renew)), source: 'memory' };
  }

  async function stateOf(entry: TokenEntry | undefined, renew: Renew): Promise<KeyState> {
    const { failure, ...rest } = entry ?? {};
    const stands = failure && !(await access.isMended(connection, failure));
    return { ...rest, ...(stands && { failure }), renew };
  }

  async function mintUnderLease(
    seen: Stored<TokenEntry> | undefined,
    forced: boolean,
  ): Promise<Token | undefined> {
    const acquisition = access.acquire(request);
    const held = await asCache('take', () => tokens.write(key, seen, { ...seen, lease: acquisition.lease }));
    if (held === undefined) return undefined;
    if (held instanceof StoreUnavailable) return mintAlone(forced);
    return mintAndStore(acquisition, held, forced, (next) => tokens.write(key, held, next));
  }

  async function mintAlone(forced: boolean): Promise<Token> {
    return mintAndStore(access.acquire(request), fallback.get(key), forced);
  }

  async function mintAndStore(
    { budget }: Acquisition,
    before: TokenEntry | undefined,
    forced: boolean,
    store?: (next: TokenEntry) => Promise<unknown>,
  ): Promise<Token> {
    const { lease: _, failure, ...kept } = before ?? {};
    const remember = async (next: TokenEntry) => {
      fallback.put(key, next);
      if (store) await asCache('result', () => store(next));
    };
    try {
      const token = await mint(budget);
      // A vendor whose tokens never live that long is asked once per interval, not once per caller.
      const onDemand = forced || token.expiresAt - token.mintedAt < request.minTtl;
      const last = onDemand ? { at: token.mintedAt, by: reporterOf(request) } : kept.forced;
      await remember({ token, ...(last && { forced: last }) });
      return token;
    } catch (error) {
      await remember({
        ...kept,
        ...(error instanceof VendorError && { failure: await failureAfter(error, failure) }),
      });
      throw error;
    }
  }

  async function failureAfter(error: VendorError, before: TokenEntry['failure']) {
    return nextFailure(error, before, timing, clock.now(), await access.secretVersion(connection));
  }

  async function mint(budget: Acquisition['budget']): Promise<Token> {
    access.prepare(connection);
    if (request.spender) await parts.spend(connection, request.spender);
    return access.asClient(request, 'mint', budget, async (call) => {
      const scope = request.scopes.join(' ');
      const { grant } = connection;
      const parameters = async () => ({
        ...request.params,
        ...(isAssertionGrant(grant)
          ? await assertionParameters(call, grant, scope)
          : { grant_type: request.vendor.grantType ?? grant, ...(scope !== '' && { scope }) }),
      });
      const reply = await requestToken({ ...call, parameters, resend: 'idempotent' });
      const token = reply.token();
      if (token.expiresAt <= clock.now()) throw endedAlready();
      return token;
    });
  }

  /** Somebody must look, but nobody has to wait for it: what does not open here can be minted again. */
  function tellUnreadable(detail: string): void {
    observe({ type: 'unreadable_value', connection: connection.name, detail });
  }

  /** A failing cache is a miss (invariant 6): reported, and gone on without. */
  async function asCache<T>(operation: string, run: () => Promise<T>): Promise<T | StoreUnavailable> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof UnreadableValue) {
        tellUnreadable(error.message);
        return new StoreUnavailable(error.message);
      }
      if (!(error instanceof StoreUnavailable)) throw error;
      observe({ type: 'cache_failed', connection: connection.name, operation });
      return error;
    }
  }
}
