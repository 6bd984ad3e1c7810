import { expect, test } from 'vitest';
import { withCopy } from './copy.ts';
import { MUTANTS } from './list.ts';
import { isCaught } from './try.ts';

test.each(MUTANTS)('$caughtBy notices: $breaks', async (mutant) => {
  await withCopy(async (root) => {
    expect(await isCaught(mutant, root)).toBe(true);
  });
});
