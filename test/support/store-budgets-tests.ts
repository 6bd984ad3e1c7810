import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { StoreSuite } from './store-tests.ts';
import type { Stores } from './stores.ts';

/** Counting calls of vendors. */
export function budgetsTests(suite: () => StoreSuite, atomic: boolean): void {
  const limits = { perMinute: 5, perPrincipal: 3 };
  let budgets: Stores['budgets'];
  beforeAll(async () => {
    ({ budgets } = (await suite().fresh()).stores);
  });
  const spender =
    (connection: string, window = 1) =>
    (principal?: string) =>
      budgets.spend(connection, window, principal, limits);
  /** How many of ten are admitted that come at the same time, or one after the other where nothing is atomic. */
  const admitted = async (spend: () => Promise<boolean>) => {
    const each: Promise<boolean>[] = [];
    for (let count = 0; count < 10; count += 1) {
      each.push(spend());
      if (!atomic) await each[count];
    }
    return (await Promise.all(each)).filter((counted) => counted).length;
  };

  test('as many are counted as may be, whoever comes at the same time', async () => {
    const spend = spender(`many-${randomUUID()}`);
    expect(await admitted(() => spend('a'))).toBe(limits.perPrincipal);
    // One that was refused has used up nothing of the connection's.
    expect(await admitted(() => spend('b'))).toBe(2);
    expect(await spend()).toBe(false);
  });

  test('those without a principal count for the connection, which another and the next minute have anew', async () => {
    const spend = spender('nobody');
    expect(await admitted(() => spend())).toBe(limits.perMinute);
    expect(await spend('a')).toBe(false);
    expect(await spender('somebody')()).toBe(true);
    expect(await spender('nobody', 2)('a')).toBe(true);
  });
}
