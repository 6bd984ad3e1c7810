/**
 * Three processes, one key, and whatever may go wrong, in any order: no two of them ever ask the vendor at once,
 * and no caller ever gets a token that does not satisfy him without being told.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FaultOrder } from '../../functions/simulator/fault-plan.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import type { TokenAnswer } from '../../shared/contract/messages.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { type BrokerProcess, brokerWorld } from '../support/broker.ts';
import type { Fault } from '../support/fault-proxy.ts';

const world = brokerWorld();
const bugsplat = () => world.vendors.bugsplat;

const PROCESSES = 3;
const RUNS = 200;

const ask = fc.record({
  process: fc.nat(PROCESSES - 1),
  min_ttl: fc.constantFrom(0, 0, 0, 20, 3_000, 86_400),
  rejects: fc.boolean(),
});
type Ask = typeof ask extends fc.Arbitrary<infer T> ? T : never;

const vendorFault = fc.constantFrom<FaultOrder[]>(
  [],
  [{ fault: 'server_error' }],
  [{ fault: 'server_error', times: 2 }],
  [{ fault: 'answer_lost' }],
  [{ fault: 'truncated_json', times: 2 }],
  [{ fault: 'too_many_requests', retry_after: 5 }],
  [{ fault: 'oauth_error', error: 'invalid_scope' }],
  [{ fault: 'odd_member', member: 'expires_in', value: 0.000_001 }],
);

/** The SDK repeats each of these requests, so that the store has not failed. */
const storeFault = fc.record({
  fault: fc.constantFrom<Fault>('reset', 'error_500', 'applied_then_reset', 'applied_then_500', 'held'),
  operation: fc.constantFrom('PutItem', 'GetItem'),
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ asks: fc.array(ask, { minLength: 1, maxLength: 12 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ advance: fc.constantFrom(400, 5_000, 31_000, 65_000, 1_000_000, 3_320_000) }),
  },
  { weight: 1, arbitrary: fc.record({ vendorFault }) },
  { weight: 1, arbitrary: fc.record({ storeFault }) },
  { weight: 1, arbitrary: fc.record({ release: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ lifetime: fc.constantFrom(12, 60, 3_600) }) },
);

const EXPECTED = ['vendor_unavailable', 'vendor_rejected'];

/** What a caller saw, and when he began. */
interface Seen {
  readonly wish: Ask;
  readonly begunAt: number;
  readonly answer?: TokenAnswer;
  readonly error?: string;
  readonly rejected?: string;
}

async function burst(
  processes: readonly BrokerProcess[],
  asks: readonly Ask[],
  last?: TokenAnswer,
): Promise<Seen[]> {
  const print = last && fingerprint(new Redacted(last.access_token));
  return Promise.all(
    asks.map(async (wish): Promise<Seen> => {
      const begunAt = world.clock.now();
      const rejected = wish.rejects ? print : undefined;
      const seen = { wish, begunAt, ...(rejected && { rejected }) };
      const body = { min_ttl: wish.min_ttl, ...(rejected && { rejected }) };
      try {
        return { ...seen, answer: await processes[wish.process]!.token(body) };
      } catch (error) {
        if (error instanceof BrokerError) return { ...seen, error: error.code };
        throw error;
      }
    }),
  );
}

function check({ wish, begunAt, answer, error, rejected }: Seen): void {
  if (!answer) {
    expect(EXPECTED).toContain(error);
    return;
  }
  const left = Date.parse(answer.expires_at) - begunAt;
  const fresh = Date.parse(answer.minted_at) >= begunAt;
  expect(bugsplat().isLive(answer.access_token)).toBe(true);
  expect(fingerprint(new Redacted(answer.access_token))).not.toBe(rejected);
  expect(fresh || left >= 10_000).toBe(true);
  if (answer.warning === undefined) expect(fresh || left >= wish.min_ttl * 1000).toBe(true);
}

test('whatever goes wrong, in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 15 }), async (steps) => {
      world.dynamodb.heal();
      bugsplat().setFault();
      bugsplat().set({ expires_in: 3_600, latency_ms: 5 });
      const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
      const processes = Array.from({ length: PROCESSES }, () => world.process(connection));
      let last: TokenAnswer | undefined;
      for (const each of steps) {
        if ('advance' in each) world.clock.advance(each.advance);
        if ('vendorFault' in each) bugsplat().setFault(...each.vendorFault);
        if ('storeFault' in each) {
          // One at a time: two in a row would be more than the SDK repeats.
          world.dynamodb.heal();
          world.dynamodb.inject(each.storeFault.fault, { operation: each.storeFault.operation, times: 1 });
        }
        if ('release' in each) await world.dynamodb.release();
        if ('lifetime' in each) bugsplat().set({ expires_in: each.lifetime });
        if ('asks' in each) {
          bugsplat().counters.reset();
          const seen = await burst(processes, each.asks, last);
          for (const one of seen) check(one);
          // One at a time; one that is forced may follow one that was not.
          expect(bugsplat().counters.snapshot().max_in_flight).toBeLessThanOrEqual(1);
          expect(bugsplat().counters.snapshot().mints).toBeLessThanOrEqual(4);
          last = seen.findLast(({ answer }) => answer)?.answer ?? last;
        }
      }
      const failures = processes.flatMap(({ events }) =>
        events.filter(({ type }) => type === 'cache_failed'),
      );
      expect(failures).toEqual([]);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 300_000 },
  );
});
