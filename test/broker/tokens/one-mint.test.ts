/** Invariant 1 with real processes, small; `one-mint.long.ts` has it large. */
import { expect, test } from 'vitest';
import { brokerWorld, mints } from '../../support/broker.ts';
import { askTogether, expectOverlap, setupOf, tokensOf, withChildren } from '../../support/one-mint.ts';

const world = brokerWorld();

test('a hundred requests in four processes for one cold key are one mint', async () => {
  const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
  world.vendors.bugsplat.set({ latency_ms: 700 });
  const setup = setupOf(world, connection);
  const outcomes = await withChildren([setup, setup, setup, setup], (children) => askTogether(children, 25));
  expect(outcomes).toHaveLength(100);
  expectOverlap(outcomes);
  expect(tokensOf(outcomes).size).toBe(1);
  expect(outcomes[0]!.token).toEqual(expect.any(String));
  expect(mints(world, 'bugsplat')).toBe(1);
});
