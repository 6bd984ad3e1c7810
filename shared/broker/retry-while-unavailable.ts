import { StoreUnavailable } from '../contract/errors.ts';
import type { Clock } from '../oauth/clock.ts';

/** First and longest pause between two tries, in milliseconds. */
const PAUSE_FIRST = 100;
const PAUSE_LAST = 1_000;

/**
 * Repeats a store operation while the store is down. Repeating must be harmless: the operation finds out by
 * itself whether an earlier try was applied.
 * @param deadline milliseconds since the epoch
 * @returns `undefined` when it did not succeed in time, or failed for another reason than the store's being down
 */
export async function retryWhileUnavailable<T>(
  clock: Clock,
  deadline: number,
  run: () => Promise<T>,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<T | undefined> {
  for (let pause = PAUSE_FIRST; ; pause = Math.min(pause * 2, PAUSE_LAST)) {
    try {
      return await run();
    } catch (error) {
      onFailure(error);
      if (!(error instanceof StoreUnavailable)) return undefined;
    }
    if (clock.now() + pause >= deadline) return undefined;
    await clock.sleep(pause);
  }
}
