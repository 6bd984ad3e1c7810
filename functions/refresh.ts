/** The scheduled sweep: one invocation is one pass over one shard of the due index. */
import type { Context } from 'aws-lambda';
import * as v from 'valibot';
import type { SweepReport } from '../shared/broker/grants/sweep.ts';
import type { Broker } from './compose.ts';

const wholeNumber = v.pipe(v.number(), v.integer(), v.minValue(0));

/** What a schedule says: which shard, and for how many seconds ahead of their time due grants are taken along. */
const SWEEP_EVENT = v.object({
  shard: v.optional(wholeNumber, 0),
  look_ahead: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(90)), 0),
});

type RefreshHandler = (event: unknown, context: Context) => Promise<SweepReport>;

/** Kept of an invocation's time for what follows the last refresh, in milliseconds. */
const RESERVE = 2_000;

/** The handler throws a ValiError for an event that says something else. */
export function refreshHandler(broker: Broker): RefreshHandler {
  return async (event, context) => {
    const endsAt = Date.now() + context.getRemainingTimeInMillis() - RESERVE;
    const { shard, look_ahead: lookAhead } = v.parse(SWEEP_EVENT, event);
    return broker.sweep({ shard, lookAhead: lookAhead * 1000, endsAt });
  };
}
