import type { World } from '../world.ts';

/** What is wrong, and when it went wrong: milliseconds since the epoch. */
export interface Finding {
  readonly at: number;
  readonly text: string;
}

/** One promise of the broker, judged on what happened in a run. */
export interface Invariant {
  /** As a sentence. */
  readonly name: string;
  readonly check: (world: World) => Finding[];
}
