/**
 * One pass of the refresher: renews what is due before callers have to wait for it, and looks after attempts
 * that were left behind. What it does to a grant is the very refresh that a caller would cause; the lease
 * settles it when both come at once.
 */
import { BrokerError, StoreUnavailable, UnreadableValue, VendorError } from '../../contract/errors.ts';
import type { BrokerEvent } from '../events.ts';
import type { Grant, GrantKey } from '../ports.ts';
import { type FindConnection, isGrant } from '../request.ts';
import { isRefusedClient } from '../vendor/client.ts';
import { mismatch } from './binding.ts';
import { FairQueue } from './fair-queue.ts';
import type { Refresher, RefreshParts } from './refresh.ts';
import { isExpiring, refreshableFrom } from './refresh-token-life.ts';
import type { revoker } from './revoke.ts';
import { SET_ASIDE, setAside, warmScopes } from './states.ts';

export interface SweepParts extends Pick<RefreshParts, 'clock' | 'timing' | 'observe' | 'grants'> {
  readonly refresher: Refresher;
  readonly finishRevocation: ReturnType<typeof revoker>['finish'];
  readonly find: FindConnection;
}

export interface SweepRequest {
  /** Which part of the due index. */
  readonly shard: number;
  /** Grants due within this time are taken along, each at its own time; milliseconds. */
  readonly lookAhead: number;
  /** Milliseconds since the epoch by which the sweep must be done. */
  readonly endsAt: number;
}

export type SweepReport = Omit<Extract<BrokerEvent, { type: 'sweep' }>, 'type'>;
export type Sweep = (request: SweepRequest) => Promise<SweepReport>;

/** Grants looked after at the same time, and once more those that wait for their time. */
const CONCURRENCY = 64;

/**
 * Keys held in memory at once, tens of megabytes; what is beyond them is still due at the next sweep. Large, since
 * the grants of a connection that is set aside stay in front of it.
 */
const MOST = 100_000;

/** So many failures of one connection in a row leave the rest of it to the next sweep. */
const GIVEN_UP_AFTER = 3;

type Result = 'renewed' | 'failed' | 'skipped' | 'left';

export function sweeper(parts: SweepParts): Sweep {
  const { clock, timing, observe, grants, refresher, find } = parts;

  return async ({ shard, lookAhead, endsAt }) => {
    const begun = clock.now();
    const failures = new Map<string, number>();
    const tally = { renewed: 0, failed: 0, skipped: 0, left: 0 };
    const seen = { age: 0, soonest: Number.POSITIVE_INFINITY };
    let defect: unknown;

    const due = await grants.due(shard, begun, MOST);
    // Beside what is due and not after it: a long queue must not make late what has yet to wait for its time.
    await Promise.all([pass(due), lookAhead > 0 && dueSoon(due).then(pass)]);
    const { left: backlog, ...results } = tally;
    const report: SweepReport = {
      shard,
      due: due.length,
      ...results,
      backlog,
      age: seen.age,
      ...(seen.soonest < Number.POSITIVE_INFINITY && { soonestExpiry: (seen.soonest - clock.now()) / 1000 }),
      duration: clock.now() - begun,
    };
    observe({ type: 'sweep', ...report });
    // One grant's defect starves no other, but is not passed over either.
    if (defect !== undefined) throw defect;
    return report;

    async function dueSoon(already: readonly GrantKey[]): Promise<GrantKey[]> {
      const known = new Set(already.map(nameOf));
      const soon = await grants.due(shard, begun + lookAhead, MOST);
      return soon.filter((key) => !known.has(nameOf(key)));
    }

    async function pass(keys: readonly GrantKey[]): Promise<void> {
      const queue = new FairQueue(keys);
      const work = async () => {
        for (let key = queue.take(); key; key = queue.take()) {
          tally[mayTry(key) ? await lookAfter(key) : 'left'] += 1;
          queue.done(key);
        }
      };
      await Promise.all(Array.from({ length: Math.min(CONCURRENCY, keys.length) }, work));
    }

    function mayTry({ connection }: GrantKey): boolean {
      return timeIsLeft() && (failures.get(connection) ?? 0) < GIVEN_UP_AFTER;
    }

    function timeIsLeft(): boolean {
      return clock.now() + timing.deadline <= endsAt;
    }

    async function lookAfter(key: GrantKey): Promise<Result> {
      try {
        const result = await renew(key, { lookAhead, endsAt }, observed);
        failures.delete(key.connection);
        return result;
      } catch (error) {
        if (!(error instanceof BrokerError)) defect ??= error;
        if (isOutage(error)) failures.set(key.connection, (failures.get(key.connection) ?? 0) + 1);
        if (error instanceof UnreadableValue) await setAsideUnread(key, error);
        return error instanceof BrokerError && error.code === 'busy' ? 'left' : 'failed';
      }
    }

    function observed(grant: Grant): void {
      seen.age = Math.max(seen.age, (begun - grant.dueAt) / 1000);
      for (const { expiresAt } of Object.values(grant.tokens))
        seen.soonest = Math.min(seen.soonest, expiresAt);
    }
  };

  /** The index may lag behind: what it says is checked against the grant itself. */
  async function renew(
    key: GrantKey,
    { lookAhead, endsAt }: Omit<SweepRequest, 'shard'>,
    observed: (grant: Grant) => void,
  ): Promise<Result> {
    const grant = await grants.read(key);
    const now = clock.now();
    if (!grant || grant.dueAt > now + lookAhead || (grant.lease && grant.lease.until > now)) return 'skipped';
    if (grant.status === 'forgotten') {
      await grants.remove(grant);
      return 'skipped';
    }
    observed(grant);
    const found = find(key.connection);
    const lost = !found || !isGrant(found.connection);
    if (lost || mismatch(grant, found.connection, found.vendor, grant.scopes)) {
      await grants.write(grant, setAside(grant, now));
      return 'skipped';
    }
    if (grant.status === 'revoked') {
      await parts.finishRevocation(grant, found, { endsAt });
      return 'skipped';
    }
    if (isExpiring(grant, found.vendor, now)) observe({ type: 'grant', change: 'expiring', ...key });
    const { refreshToken } = grant;
    if (!refreshToken) return 'skipped';
    const soonest = refreshableFrom(grant, found.vendor);
    // It was stored under another setting.
    if (soonest !== undefined && soonest > Math.max(now, grant.dueAt)) {
      await grants.write(grant, { ...grant, dueAt: soonest });
      return 'skipped';
    }
    if (grant.dueAt + timing.deadline > endsAt) return 'skipped';
    if (grant.dueAt > now) await clock.sleep(grant.dueAt - now);
    const request = {
      ...found,
      scopes: warmScopes(grant, found.connection),
      minTtl: 0,
      forced: false,
      endsAt,
    };
    try {
      return (await refresher.refresh({ ...grant, refreshToken }, request)) ? 'renewed' : 'skipped';
    } catch (error) {
      // It was ended before, and the vendor says so once more.
      const isEnded = grant.status === 'consent_required';
      if (isEnded && error instanceof BrokerError && error.code === 'consent_required') return 'skipped';
      throw error;
    }
  }

  /** A grant that does not open is told of, and does not stay first in the index for ever. */
  async function setAsideUnread(key: GrantKey, { message: detail }: UnreadableValue): Promise<void> {
    observe({ type: 'unreadable_value', connection: key.connection, detail });
    await grants.postpone(key, clock.now() + SET_ASIDE).catch(() => undefined);
  }
}

function nameOf({ connection, subject }: GrantKey): string {
  return JSON.stringify([connection, subject]);
}

/** Failures that the next grant of the same connection would most likely meet too. */
function isOutage(error: unknown): boolean {
  return (
    error instanceof StoreUnavailable ||
    isRefusedClient(error) ||
    (error instanceof VendorError && error.code === 'vendor_unavailable')
  );
}
