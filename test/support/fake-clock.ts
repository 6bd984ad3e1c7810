import type { Clock } from '../../shared/oauth/clock.ts';

export interface FakeClock extends Clock {
  advance(milliseconds: number): void;
  /** Every pause that was asked for, in milliseconds. */
  readonly pauses: number[];
}

/** A clock that stands still until it is advanced; sleeping on it takes no time and advances it. */
export function fakeClock(now = Date.UTC(2026, 0, 1)): FakeClock {
  const pauses: number[] = [];
  const advance = (milliseconds: number) => {
    now += milliseconds;
  };
  const sleep = async (milliseconds: number) => {
    pauses.push(milliseconds);
    advance(milliseconds);
  };
  return { now: () => now, sleep, advance, pauses };
}
