import type { BrokerError, VendorError } from '../../contract/errors.ts';
import type { Clock } from '../../oauth/clock.ts';
import { ignoringUnavailable } from '../ignoring-unavailable.ts';
import type { ClientRefusal, RefusalsTable, Stored } from '../ports.ts';
import type { Timing } from '../times.ts';
import { nextFailure, rememberedError } from './failure.ts';

/** `invalid_client`, remembered per connection and secret version, however many subjects ask (invariant 8). */
export interface ClientRefusals {
  /** The refusal that still stands for this version of the secret. */
  standing(connection: string, secretVersion: string): Promise<BrokerError | undefined>;
  remember(connection: string, error: VendorError, secretVersion: string): Promise<void>;
}

/** How long one look at the table serves all who ask for the connection, in milliseconds: a sweep asks for thousands. */
const LOOK_SERVES = 1_000;

export function clientRefusals(table: RefusalsTable, clock: Clock, timing: Timing): ClientRefusals {
  // Memory serves when the table fails: this is a cache too, and a failing cache is a miss.
  const remembered = new Map<string, ClientRefusal>();
  const looks = new Map<string, { readonly at: number; readonly found: ReturnType<typeof stored> }>();

  return {
    async standing(connection, secretVersion) {
      const refusal = (await look(connection)) ?? remembered.get(connection);
      const now = clock.now();
      if (refusal?.secretVersion !== secretVersion || refusal.failure.until <= now) return undefined;
      return rememberedError(refusal.failure, now);
    },

    async remember(connection, error, secretVersion) {
      const seen = await stored(connection);
      const before = seen ?? remembered.get(connection);
      const run = before?.secretVersion === secretVersion ? before.failure : undefined;
      const next = { secretVersion, failure: nextFailure(error, run, timing, clock.now(), secretVersion) };
      remembered.set(connection, next);
      looks.delete(connection);
      await ignoringUnavailable(table.write(connection, seen, next));
    },
  };

  function look(connection: string): ReturnType<typeof stored> {
    const last = looks.get(connection);
    const now = clock.now();
    if (last && now - last.at < LOOK_SERVES) return last.found;
    const found = stored(connection);
    looks.set(connection, { at: now, found });
    return found;
  }

  function stored(connection: string): Promise<Stored<ClientRefusal> | undefined> {
    return ignoringUnavailable(table.read(connection));
  }
}
