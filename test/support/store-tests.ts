import { afterAll, beforeAll, describe } from 'vitest';
import type { FakeClock } from './fake-clock.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { budgetsTests } from './store-budgets-tests.ts';
import { grantsTests } from './store-grants-tests.ts';
import { rescuesTests } from './store-rescues-tests.ts';
import { tokensTests } from './store-tokens-tests.ts';
import {
  createStores,
  type Origins,
  openStores,
  type StoreNames,
  type Stores,
  storeClock,
} from './stores.ts';

/** What each store test works with. */
export interface StoreSuite {
  readonly clock: FakeClock;
  readonly names: StoreNames;
  /** A process whose connections are sound. */
  readonly stores: Stores;
  /** A process whose requests pass through the proxies. */
  readonly faulty: Stores;
  readonly dynamodbProxy: FaultProxy;
  readonly managerProxy: FaultProxy;
  /** Tables of their own, for tests that look at all of one. */
  fresh(options?: { shards: number }): Promise<{ names: StoreNames; stores: Stores }>;
}

/**
 * The stores' behaviour on any endpoint; `start` brings one up and says how to end it.
 * @param anySize whether the endpoint takes secrets larger than Secrets Manager does
 * @param atomic whether it judges a write's condition and writes in one step, as DynamoDB does
 */
export function storeTests(
  name: string,
  start: () => Promise<Origins & { close(): Promise<void> }>,
  { anySize = false, atomic = true }: { anySize?: boolean; atomic?: boolean } = {},
): void {
  describe(name, () => {
    let suite: StoreSuite;
    let close: () => Promise<void>;

    beforeAll(async () => {
      const endpoint = await start();
      const dynamodbProxy = await startFaultProxy(endpoint.dynamodb);
      const managerProxy = await startFaultProxy(endpoint.secretsManager);
      const clock = storeClock();
      const names = await createStores(endpoint);
      const proxied = { dynamodb: dynamodbProxy.origin, secretsManager: managerProxy.origin };
      suite = {
        clock,
        names,
        stores: openStores(endpoint, names, clock),
        faulty: openStores(proxied, names, clock, { requestTimeout: 500 }),
        dynamodbProxy,
        managerProxy,
        async fresh(options) {
          const own = await createStores(endpoint);
          // Nothing there is silent, and a page of 1 MB may take an imitation its time.
          return {
            names: own,
            stores: openStores(endpoint, own, clock, { ...options, requestTimeout: 3_000 }),
          };
        },
      };
      close = async () => {
        await Promise.all([dynamodbProxy.close(), managerProxy.close()]);
        await endpoint.close();
      };
    });
    afterAll(() => close());

    describe('tokens table', () => tokensTests(() => suite));
    describe('grants table', () => grantsTests(() => suite));
    describe('budgets', () => budgetsTests(() => suite, atomic));
    describe('rescues', () => rescuesTests(() => suite, anySize));
  });
}
