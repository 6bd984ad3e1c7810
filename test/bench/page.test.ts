import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { THEMES } from '../../.github/picture.ts';
import { pageText } from '../support/pages.ts';
import { figures, plot, tables } from './page.ts';
import { judged } from './report.ts';

test('the page shows the figures of the last run that was kept', () => {
  expect(pageText('test/bench/README.md')).toContain(tables(figures()));
});

test.each(Object.entries(THEMES))('the plot is drawn from them, %s', (name, theme) => {
  const drawn = readFileSync(new URL(`figures-${name}.svg`, import.meta.url), 'utf8');
  expect(drawn).toBe(plot(figures(), theme));
});

test('a goal is judged by the ratio, or by the value where there is none', () => {
  const ms = { unit: 'ms' } as const;
  const rows = judged([
    { what: 'base', value: 10, ...ms },
    { what: 'twice', value: 20, ...ms, comparedWith: 'base', goal: { atMost: 2 } },
    { what: 'more', value: 21, ...ms, comparedWith: 'base', goal: { atMost: 2 } },
    { what: 'enough', value: 8, ...ms, comparedWith: 'base', goal: { atLeast: 0.8 } },
    { what: 'by itself', value: 3, ...ms, goal: { atMost: 2 } },
  ]);
  expect(rows.map(({ ratio, met }) => [ratio, met])).toEqual([
    [undefined, undefined],
    [2, true],
    [2.1, false],
    [0.8, true],
    [undefined, false],
  ]);
});
