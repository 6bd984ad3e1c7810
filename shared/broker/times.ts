/**
 * Every time and bound that the invariants rest on, in milliseconds unless the name says otherwise.
 * Tests shorten them through composition; nothing reads them from the environment of a deployed function.
 */
export interface Timing {
  /** One HTTP exchange with a vendor. */
  readonly attemptTimeout: number;
  /** Exchanges with a vendor per acquisition. */
  readonly attempts: number;
  /** From taking a lease to its last store write: every attempt, wait and secret fall-back (invariant 2). */
  readonly deadline: number;
  /** Kept free at the end of a deadline for the store writes. */
  readonly storeReserve: number;
  /** How far two wall clocks may differ; a lease outlives its deadline by this much. */
  readonly clockSkew: number;
  /** The longest that one invocation waits for another worker's mint. */
  readonly waitLimit: number;
  /** The longest that a request waits for a renewal that it does not need. */
  readonly renewalWait: number;
  /** Shortest and longest pause between two reads of another worker's lease; jittered. */
  readonly pollFirst: number;
  readonly pollLast: number;
  /** In between, as a share of the time waited so far: about the most that a wait is longer than it has to be. */
  readonly pollShare: number;
  /** How long memory serves a token before the table is asked again. */
  readonly memoryRecheck: number;
  /** A token with less life left than this is not given out. */
  readonly minimumLife: number;
  /** Renewal starts this long before expiry, or at a fifth of the lifetime when that is less. */
  readonly renewAhead: number;
  /** Renewal margin where a refresh kills the old access token (invariant 11). */
  readonly renewAheadWhenKilling: number;
  /** First and longest hold after a definitive refusal; doubled each time (invariant 8). */
  readonly refusalFirst: number;
  readonly refusalLast: number;
  /** How often the secret's version is looked at again while a refusal is remembered. */
  readonly secretRecheck: number;
  /** Before `invalid_grant` is believed, the grant is read again after this delay (invariant 4). */
  readonly settle: number;
  /** A consent must be finished within this time. */
  readonly consentLife: number;
}

export const PRODUCTION: Timing = {
  attemptTimeout: 8_000,
  attempts: 2,
  deadline: 20_000,
  storeReserve: 4_000,
  clockSkew: 10_000,
  waitLimit: 24_000,
  renewalWait: 2_000,
  pollFirst: 50,
  pollLast: 500,
  pollShare: 1 / 4,
  memoryRecheck: 60_000,
  minimumLife: 10_000,
  renewAhead: 300_000,
  renewAheadWhenKilling: 30_000,
  refusalFirst: 2_000,
  refusalLast: 60_000,
  secretRecheck: 10_000,
  settle: 500,
  consentLife: 600_000,
};
