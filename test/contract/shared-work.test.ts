import { beforeEach, expect, test } from 'vitest';
import { SharedWork } from '../../shared/contract/shared-work.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

let clock: FakeClock;
let shared: SharedWork<string>;
beforeEach(() => {
  clock = fakeClock();
  shared = new SharedWork(clock.now, 1_000);
});

/** Work that ends when the test says so. */
function pending() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { work: () => promise, resolve, reject };
}

test('work under one key is done once for all who come meanwhile, and again for who comes later', async () => {
  const first = pending();
  const joined = [shared.join('a', first.work), shared.join('a', async () => 'never begun')];
  const other = shared.join('b', async () => 'of another key');
  first.resolve('once');
  expect(await Promise.all([...joined, other])).toEqual(['once', 'once', 'of another key']);
  expect(await shared.join('a', async () => 'again')).toBe('again');
});

test('a failure is everybody’s who joined, and nobody’s after', async () => {
  const first = pending();
  const joined = [shared.join('a', first.work), shared.join('a', first.work)];
  first.reject(new Error('failed'));
  for (const each of joined) await expect(each).rejects.toThrow('failed');
  expect(await shared.join('a', async () => 'mended')).toBe('mended');
});

test('what a frozen process wakes up in the middle of is not joined, and does not end what came after', async () => {
  const frozen = pending();
  const before = shared.join('a', frozen.work);
  clock.advance(999);
  expect(shared.underWay('a')).toBeDefined();
  clock.advance(1);
  expect(shared.underWay('a')).toBeUndefined();
  const fresh = pending();
  const after = shared.join('a', fresh.work);
  frozen.resolve('of before');
  expect(await before).toBe('of before');
  const joined = shared.join('a', async () => 'begun needlessly');
  fresh.resolve('of now');
  expect(await Promise.all([after, joined])).toEqual(['of now', 'of now']);
});
