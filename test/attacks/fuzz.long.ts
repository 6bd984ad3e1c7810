import { test } from 'vitest';
import { attack } from './fuzz/fuzz.ts';
import { TARGETS } from './fuzz/targets.ts';

test.each(TARGETS)('a hundred thousand $name break nothing', async (target) => {
  await attack(target, 100_000);
});
