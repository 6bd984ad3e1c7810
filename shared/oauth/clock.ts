import { setTimeout as delay } from 'node:timers/promises';
import type { Exchange } from './exchange.ts';

/** Wall clock, in milliseconds since the epoch; a fake one in tests. */
export interface Clock {
  now(): number;
  /** Resolves after the time, or at once when `signal` is aborted; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The bounds of one acquisition: nothing is sent to a vendor after `deadline`, not even by a thawed process. */
export interface Budget {
  readonly clock: Clock;
  /** Milliseconds since the epoch by which the last answer must have been read. */
  readonly deadline: number;
  /** The longest that one HTTP exchange may take, in milliseconds. */
  readonly attemptTimeout: number;
  /** How many exchanges there may be. */
  readonly attempts: number;
  /** How a request gets to the vendor and its answer back; absent: over the network. */
  readonly exchange?: Exchange;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    delay(milliseconds, undefined, signal && { signal }).catch(() => undefined),
};
