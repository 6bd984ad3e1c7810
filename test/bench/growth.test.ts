import { expect, test } from 'vitest';
import { THEMES } from '../../.github/picture.ts';
import { pageText } from '../support/pages.ts';
import { PLOTS, TABLES } from './growth/page.ts';
import { simulate } from './growth/simulate.ts';

const LOAD = {
  grants: 100_000,
  requestsPerSecond: 10_000,
  environments: 100,
  shards: 1,
  consentedOver: 8 * 3_600,
  seconds: 3_600,
};

test('the rules of renewal bring the vendor no spike, and callers a token that lives', () => {
  const { vendorMean, vendorPeak, hitRate, leastLife, ...stale } = simulate(LOAD);
  // A refresh in a token's life, a little before its end.
  expect(vendorMean).toBeGreaterThan(LOAD.grants / 3_600);
  expect(vendorMean).toBeLessThan(LOAD.grants / 3_200);
  // Those 28 a second are so few that chance alone makes a tenth more of ten seconds.
  expect(vendorPeak / vendorMean).toBeLessThan(1.35);
  expect(hitRate).toBe(1);
  expect(leastLife).toBeGreaterThan(150);
  // Of lives that end with 187 to 300 seconds left.
  expect(stale.medianLife).toBeCloseTo((3_600 + 243) / 2, -1);
  expect(stale.mostLife).toBeGreaterThan(leastLife);
  expect(stale.mostLife).toBeLessThan(300);
  // Half a minute of a life.
  expect(stale.replaced).toBeCloseTo(30 / 3_357, 4);
});

test('where a sweep does not manage, callers wait, and the simulation says so', () => {
  const { hitRate, leastLife } = simulate({ ...LOAD, grants: 1_000_000 });
  expect(leastLife).toBeLessThan(0);
  expect(hitRate).toBeLessThan(1);
});

test.each([
  ['consents of one minute part', { consentedOver: 60 }],
  ['what an outage of ten minutes kept waiting parts again', { outage: 600 }],
  ['so it does after an outage of two hours', { outage: 7_200 }],
])('%s', (_, unlike) => {
  const { vendorMean, vendorPeak, leastLife } = simulate({ ...LOAD, shards: 8, ...unlike });
  expect(vendorPeak / vendorMean).toBeLessThan(1.45);
  expect(vendorMean).toBeLessThan(LOAD.grants / 3_200);
  expect(leastLife).toBeGreaterThan(150);
});

test('the same seed gives the same figures, and another nearly the same', () => {
  const one = simulate(LOAD);
  expect(simulate(LOAD)).toEqual(one);
  const other = simulate({ ...LOAD, seed: 2 });
  expect(other.vendor).not.toEqual(one.vendor);
  expect(other.vendorMean / one.vendorMean).toBeCloseTo(1, 1);
});

test.each(Object.entries(TABLES))('the page about capacity shows what the figures make: %s', (_, table) => {
  expect(pageText('infra/CAPACITY.md')).toContain(table());
});

const drawings = Object.entries(PLOTS).flatMap(([name, draw]) =>
  Object.entries(THEMES).map(([theme, colors]) => [`${name}-${theme}.svg`, () => draw(colors)] as const),
);
test.each(drawings)('and the plot that they make: %s', (file, draw) => {
  expect(pageText(`test/bench/growth/${file}`)).toBe(draw());
  expect(pageText('infra/CAPACITY.md')).toContain(`../test/bench/growth/${file}`);
});
