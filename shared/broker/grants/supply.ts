import { StoreUnavailable } from '../../contract/errors.ts';
import type { MemoryCache } from '../../contract/memory-cache.ts';
import { present } from '../../contract/present.ts';
import type { Grant, Stored } from '../ports.ts';
import type { TokenRequest } from '../request.ts';
import { cacheKey } from '../tokens/cache-key.ts';
import type { KeyState, Remembered, TokenSupply } from '../tokens/resolve.ts';
import { consentRequired, isRefreshable, mismatch, notRefreshable } from './binding.ts';
import type { Refresh, RefreshParts } from './refresh.ts';
import { refreshableFrom } from './refresh-token-life.ts';
import { isGone, latestFailure, scopeKey } from './states.ts';

export interface RefreshingSupplyParts extends Pick<RefreshParts, 'grants' | 'timing' | 'access'> {
  readonly refresh: Refresh;
  readonly memory: MemoryCache<Remembered>;
}

/** Where the tokens of a grant are: in its own item of the precious table, beside the refresh token. */
export function refreshingSupply(parts: RefreshingSupplyParts, request: TokenRequest): TokenSupply {
  const { grants, timing, memory, refresh } = parts;
  const { connection, vendor, subject, scopes } = request;
  const key = cacheKey(request);
  const exclusive = vendor.refreshKillsAccessToken;
  const most = exclusive ? timing.renewAheadWhenKilling : timing.renewAhead;
  // Where the sweep keeps a grant warm, callers begin later than it does, so that they find the work done.
  const ahead = connection.refresh === 'keep_warm' ? { margin: most / 2, share: 1 / 10 } : { margin: most };

  return { key, ...ahead, exclusive, read };

  async function read(): Promise<KeyState> {
    try {
      const grant = await grants.read({ connection: connection.name, subject });
      return grant && !isGone(grant) ? stateOf(grant) : withoutGrant();
    } catch (error) {
      // A failing grant store stops refreshing, but not the use of a token that is known to be alive.
      const remembered = exclusive ? undefined : memory.get(key);
      if (!(error instanceof StoreUnavailable) || !remembered) throw error;
      return { token: remembered.token, source: 'memory', blockedBy: error };
    }
  }

  async function stateOf(grant: Stored<Grant>): Promise<KeyState> {
    const blockedBy = mismatch(grant, connection, vendor, scopes);
    if (blockedBy) return { blockedBy };
    const { lease } = grant;
    const name = scopeKey(scopes);
    const noted = latestFailure(grant, name);
    const failure = noted && !(await parts.access.isMended(connection, noted)) ? noted : undefined;
    const state = present({
      token: grant.tokens[name],
      lease,
      failure,
      forced: grant.forced?.[name],
      renewableFrom: refreshableFrom(grant, vendor),
    });
    return isRefreshable(grant)
      ? { ...state, renew: (forced) => refresh(grant, { ...request, forced }) }
      : { ...state, blockedBy: notRefreshable(grant) };
  }

  function withoutGrant(): KeyState {
    return {
      blockedBy: consentRequired({ connection: connection.name, subject }, 'nobody has consented yet'),
    };
  }
}
