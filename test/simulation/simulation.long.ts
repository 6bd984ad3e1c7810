import { expect, test } from 'vitest';
import { playAll } from './seeds.ts';

/** A run that must end sooner plays fewer of them. */
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 200_000);

test(`${SEEDS} seeds break no invariant`, async () => {
  const { seeds, broken } = await playAll(SEEDS, 5_000);
  expect(seeds).toBe(SEEDS);
  expect(broken).toEqual([]);
}, 5_400_000);
