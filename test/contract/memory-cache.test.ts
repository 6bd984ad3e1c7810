import { expect, test } from 'vitest';
import { MemoryCache } from '../../shared/contract/memory-cache.ts';

test('the entry that was used longest ago goes first, and there are never more than it may hold', () => {
  const cache = new MemoryCache<number>(3);
  for (const [index, key] of ['a', 'b', 'c'].entries()) cache.put(key, index);
  cache.get('a');
  cache.put('b', 9);
  cache.put('d', 3);
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual([0, 9, undefined, 3]);
});

test('a thousand keys stay, however many are asked for', () => {
  const cache = new MemoryCache<number>();
  for (let count = 0; count < 10_000; count += 1) cache.put(`${count}`, count);
  const kept = Array.from({ length: 10_000 }, (_, count) => cache.get(`${count}`)).filter(
    (value) => value !== undefined,
  );
  expect(kept).toHaveLength(1_000);
  expect(kept[0]).toBe(9_000);
});
