/** One seed: a run, and what is wrong with it. */
import { type Violation, violationsOf } from './invariants/index.ts';
import { seeded } from './random.ts';
import { play, settingsOf } from './scenario.ts';
import { World } from './world.ts';

export interface Run {
  readonly seed: number;
  readonly world: World;
  readonly violations: readonly Violation[];
}

/** Plays a seed. The broker's own jitter comes from the seed, too: nothing else in the thread may run meanwhile. */
export async function simulate(seed: number): Promise<Run> {
  const random = seeded(seed);
  const original = Math.random;
  Math.random = random.next;
  Object.defineProperty(crypto, 'subtle', { configurable: true, get: offThread });
  try {
    const world = new World(settingsOf(random), random);
    await play(world);
    return { seed, world, violations: violationsOf(world) };
  } finally {
    Math.random = original;
    Reflect.deleteProperty(crypto, 'subtle');
  }
}

/** Work of other threads ends when it likes, and with it a seed would play differently each time. */
function offThread(): never {
  throw new Error('What is played waits for no other thread: use node:crypto instead of crypto.subtle.');
}
