/** Wall clock, in milliseconds since the epoch; a fake one in tests. */
export interface Clock {
  now(): number;
  /** Resolves after the time, or at once when `signal` is aborted; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** Why a wait is given up. Without a reason Node makes an error for it, stack and all. */
export const NOT_NEEDED = 'not needed';

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not that of node:timers/promises, which makes an error, stack and all, of every wait that is given up.
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = setTimeout(resolve, milliseconds);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};
