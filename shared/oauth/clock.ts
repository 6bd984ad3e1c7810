/** Wall clock, in milliseconds since the epoch; a fake one in tests. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
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
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
