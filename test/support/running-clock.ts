import { type Clock, systemClock } from '../../shared/oauth/clock.ts';

export interface RunningClock extends Clock {
  /** Puts the clock forward; whoever sleeps until then wakes. */
  advance(milliseconds: number): void;
}

/** A clock that goes as the system's does, so that what waits for another does wait, and can be put forward. */
export function runningClock(): RunningClock {
  let ahead = 0;
  const sleepers = new Set<{ until: number; wake: AbortController }>();
  const now = () => Date.now() + ahead;
  return {
    now,
    advance(milliseconds) {
      ahead += milliseconds;
      for (const { until, wake } of sleepers) if (until <= now()) wake.abort();
    },
    async sleep(milliseconds, signal) {
      const sleeper = { until: now() + milliseconds, wake: new AbortController() };
      sleepers.add(sleeper);
      await systemClock.sleep(
        milliseconds,
        AbortSignal.any([sleeper.wake.signal, ...(signal ? [signal] : [])]),
      );
      sleepers.delete(sleeper);
    },
  };
}
