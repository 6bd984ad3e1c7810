import type { VendorError } from '../../contract/errors.ts';
import { MemoryCache } from '../../contract/memory-cache.ts';
import type { Clock } from '../../oauth/clock.ts';
import { ignoringUnavailable } from '../ignoring-unavailable.ts';
import type { ClientRefusal, RefusalsTable, SpareStage, Stored } from '../ports.ts';
import type { Timing } from '../times.ts';
import { nextFailure } from './failure.ts';

/** What vendors refuse of a connection's secret, remembered by version, however many subjects ask (invariant 8). */
export interface ClientRefusals {
  /** The latest refusal, whether it still stands or not, and whichever version of the secret it is of. */
  of(connection: string): Promise<ClientRefusal | undefined>;
  /** @param accepted where the version stands that the vendor took instead */
  remember(
    connection: string,
    error: VendorError,
    secretVersion: string,
    accepted?: SpareStage,
  ): Promise<void>;
}

/** How long one read of the table serves all who ask for the connection, in milliseconds: a sweep asks for thousands. */
const READ_SERVES = 1_000;

export function clientRefusals(table: RefusalsTable, clock: Clock, timing: Timing): ClientRefusals {
  // Memory serves when the table fails: this is a cache too, and a failing cache is a miss.
  const remembered = new MemoryCache<ClientRefusal>();
  const reads = new MemoryCache<{ readonly at: number; readonly found: ReturnType<typeof stored> }>();

  return {
    async of(connection) {
      return (await recentlyStored(connection)) ?? remembered.get(connection);
    },

    async remember(connection, error, secretVersion, accepted) {
      const seen = await stored(connection);
      const before = seen ?? remembered.get(connection);
      const now = clock.now();
      const failure = nextFailure(error, before?.failure, timing, now, secretVersion);
      const next = accepted
        ? { secretVersion, failure: { ...failure, until: now }, accepted }
        : { secretVersion, failure };
      remembered.put(connection, next);
      reads.delete(connection);
      await ignoringUnavailable(table.write(connection, seen, next));
    },
  };

  function recentlyStored(connection: string): ReturnType<typeof stored> {
    const last = reads.get(connection);
    const now = clock.now();
    if (last && now - last.at < READ_SERVES) return last.found;
    const found = stored(connection);
    reads.put(connection, { at: now, found });
    return found;
  }

  function stored(connection: string): Promise<Stored<ClientRefusal> | undefined> {
    return ignoringUnavailable(table.read(connection));
  }
}
