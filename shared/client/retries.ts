import { setTimeout as delay } from 'node:timers/promises';
import { TokenBrokerError } from './errors.ts';

const ATTEMPTS = 3;

/** Milliseconds before the second attempt; four times as long before each further one. */
const FIRST_PAUSE = 200;

/**
 * Tries until it succeeds, may not help, or the time is over. A `retryAfter` that does not fit into the time is
 * the caller's to wait for.
 * @param timeout milliseconds, for all attempts and pauses together
 * @param attempt gets a signal that ends it when the time is over
 * @throws TokenBrokerError of the last attempt
 */
export async function withRetries<T>(
  timeout: number,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + timeout;
  const signal = AbortSignal.timeout(timeout);
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt(signal);
    } catch (error) {
      if (!(error instanceof TokenBrokerError) || !error.retryable || tried === ATTEMPTS) throw error;
      const pause = error.retryAfter === undefined ? backoff(tried) : error.retryAfter * 1000;
      if (performance.now() + pause >= endsAt) throw error;
      await delay(pause);
    }
  }
}

/** Half of it by chance, so that callers who failed together do not return together. */
function backoff(tried: number): number {
  const pause = FIRST_PAUSE * 4 ** (tried - 1);
  return pause / 2 + (Math.random() * pause) / 2;
}
