import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTANTS } from './list.ts';

const source = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

test.each(MUTANTS)('can still be made, in one place: $breaks', ({ file, find, replace }) => {
  expect(source(file).split(find)).toHaveLength(2);
  expect(replace).not.toBe(find);
});

test('there are at least thirty, and no two are the same', () => {
  expect(new Set(MUTANTS.map(({ breaks }) => breaks)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
});

test.each(MUTANTS)('names what notices: $breaks', ({ caughtBy }) => {
  if (caughtBy.startsWith('test/')) expect(source(caughtBy)).toMatch(/tests?\(/i);
});
