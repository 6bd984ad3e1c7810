import type { Clock } from '../../shared/oauth/clock.ts';

export interface RunningClock extends Clock {
  /** Puts the clock forward; whoever sleeps until then wakes. */
  advance(milliseconds: number): void;
}

/** A clock that goes as the system's does, so that what waits for another does wait, and can be put forward. */
export function runningClock(): RunningClock {
  let ahead = 0;
  const sleepers = new Set<{ readonly until: number; wake(): void }>();
  const now = () => Date.now() + ahead;
  return {
    now,
    advance(milliseconds) {
      ahead += milliseconds;
      for (const { until, wake } of sleepers) if (until <= now()) wake();
    },
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = () => {
          clearTimeout(timer);
          sleepers.delete(sleeper);
          resolve();
        };
        const timer = setTimeout(wake, milliseconds);
        const sleeper = { until: now() + milliseconds, wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', wake);
      }),
  };
}
