import { expect, test } from 'vitest';
import { play, playAll } from './seeds.ts';

test('2,000 seeds break no invariant', async () => {
  const { seeds, broken } = await playAll(2_000, 1_000);
  expect(seeds).toBe(2_000);
  // `npm run simulate -- --seed N` shows what happened in one of them.
  expect(broken).toEqual([]);
}, 300_000);

test('the same seed plays the same run', async () => {
  const [one, other] = await Promise.all([1, 2].map(() => play({ seed: 42 })));
  expect(one?.printed).toBe(other?.printed);
  expect(one?.printed).toContain('no more faults');
});
