import { expect, test } from 'vitest';
import { withCopy } from './copy.ts';
import { MUTANTS } from './list.ts';
import { isCaught } from './try.ts';

/** `nothing yet` is a debt; the list says what is owed. */
const noticed = MUTANTS.filter(({ caughtBy }) => caughtBy !== 'nothing yet');

test.each(noticed)('$caughtBy notices: $breaks', async (mutant) => {
  await withCopy(async (root) => {
    expect(await isCaught(mutant, root)).toBe(true);
  });
});
