/** The numbers in "(invariant 8)" lead to a heading in `shared/broker/README.md`, and each heading to its tests. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Number and text of each invariant, as the page has them. */
const INVARIANTS = read('shared/broker/README.md')
  .split(/^#{1,3} /m)
  .flatMap((section) => {
    const heading = /^(\d+)\. /.exec(section);
    return heading ? [{ number: Number(heading[1]), text: section }] : [];
  });

const mentions = globSync(['shared/**/*.ts', 'functions/**/*.ts', 'infra/**/*.ts'], { cwd: ROOT }).flatMap(
  (path) =>
    // A mention may go on over the end of a comment's line.
    [...read(path).matchAll(/\binvariants?((?:[\s*/,]|and|\d)+)/g)].flatMap(([, numbers = '']) =>
      (numbers.match(/\d+/g) ?? []).map((number) => ({ path, number: Number(number) })),
    ),
);

test('the invariants are numbered 1 to 16, each once', () => {
  expect(INVARIANTS.map(({ number }) => number)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
});

test('every invariant that the code mentions has its heading', () => {
  const numbers = new Set(INVARIANTS.map(({ number }) => number));
  expect(mentions.length).toBeGreaterThan(20);
  expect(mentions.filter(({ number }) => !numbers.has(number))).toEqual([]);
});

test.each(INVARIANTS)('invariant $number names tests, and all of them exist', ({ text }) => {
  const named = [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named).not.toEqual([]);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('the threat model names tests in every line of what it shows, and all of them exist', () => {
  const threats = read('shared/broker/THREATS.md');
  const named = [...threats.matchAll(/`(test\/[^`]+\.ts)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
