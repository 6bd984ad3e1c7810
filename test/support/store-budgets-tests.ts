import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { StoreSuite } from './store-tests.ts';

/** Counting calls of vendors. */
export function budgetsTests(suite: () => StoreSuite): void {
  const limits = { perMinute: 5, perPrincipal: 3 };
  const spender = (connection: string, window = 1) => {
    const { budgets } = suite().stores;
    return (principal?: string) => budgets.spend(connection, window, principal, limits);
  };
  const admitted = (spent: Promise<boolean>[]) =>
    Promise.all(spent).then((each) => each.filter((counted) => counted).length);

  test('as many are counted as may be, whoever comes at the same time', async () => {
    const spend = spender(`many-${randomUUID()}`);
    expect(await admitted(Array.from({ length: 10 }, () => spend('a')))).toBe(limits.perPrincipal);
    // One that was refused has used up nothing of the connection's.
    expect(await admitted(Array.from({ length: 10 }, () => spend('b')))).toBe(2);
    expect(await spend()).toBe(false);
  });

  test('those without a principal count for the connection, which another and the next minute have anew', async () => {
    const spend = spender('nobody');
    expect(await admitted(Array.from({ length: 10 }, () => spend()))).toBe(limits.perMinute);
    expect(await spend('a')).toBe(false);
    expect(await spender('somebody')()).toBe(true);
    expect(await spender('nobody', 2)('a')).toBe(true);
  });
}
