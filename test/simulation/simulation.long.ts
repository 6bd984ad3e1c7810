import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { NOT_YET } from './not-yet.ts';
import { type Findings, play } from './seeds.ts';

const SEEDS = 200_000;

/** So many at a time that a slow process is not waited for long at the end. */
const PORTION = 5_000;

test(`${SEEDS} seeds break no invariant`, async () => {
  const portions = Array.from({ length: SEEDS / PORTION }, (_, index) => index * PORTION).values();
  const found: Findings[] = [];
  const work = async () => {
    for (const from of portions) found.push(await play({ from, count: PORTION }));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  expect(found.reduce((sum, { seeds }) => sum + seeds, 0)).toBe(SEEDS);
  const broken = found.flatMap(({ broken }) => Object.entries(broken));
  expect(broken.filter(([invariant]) => !NOT_YET.includes(invariant))).toEqual([]);
}, 1_800_000);
