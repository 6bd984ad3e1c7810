/** The scheduled sweep: one invocation is one pass over one shard of the due index. */
import type { Context } from 'aws-lambda';
import type { SweepReport } from '../shared/broker/sweep.ts';
import type { Broker } from './compose.ts';

export type RefreshHandler = (event: unknown, context: Context) => Promise<SweepReport>;

/** Kept of an invocation's time for what follows the last refresh, in milliseconds. */
const RESERVE = 2_000;

export function refreshHandler(broker: Broker): RefreshHandler {
  return async (event, context) => {
    const endsAt = Date.now() + context.getRemainingTimeInMillis() - RESERVE;
    return broker.sweep({ shard: shardOf(event), endsAt });
  };
}

/** @throws RangeError for a schedule that says something else than a shard */
function shardOf(event: unknown): number {
  const shard = typeof event === 'object' && event !== null && 'shard' in event ? event.shard : 0;
  if (typeof shard === 'number' && Number.isInteger(shard) && shard >= 0) return shard;
  throw new RangeError('The event must be {"shard": N} with a whole number N from 0, or {} for shard 0.');
}
