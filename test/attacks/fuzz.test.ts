import { test } from 'vitest';
import { attack } from './fuzz/fuzz.ts';
import { TARGETS } from './fuzz/targets.ts';

test.each(TARGETS)(
  'two thousand $name break nothing, show nothing, and pass only as what is valid',
  async (target) => {
    await attack(target, 2_000);
  },
);
