import { setTimeout as delay } from 'node:timers/promises';

/** Wall clock, in milliseconds since the epoch; a fake one in tests. */
export interface Clock {
  now(): number;
  /** Resolves after the time, or at once when `signal` is aborted; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    delay(milliseconds, undefined, signal && { signal }).catch(() => undefined),
};
