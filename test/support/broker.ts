/** A `BrokerWorld` for one test file, and what tests ask of it. */

import { afterAll, beforeAll, beforeEach } from 'vitest';
import { VENDOR_NAMES, type VendorName } from '../../functions/simulator/clients.ts';
import { DEFAULT_SETTINGS } from '../../functions/simulator/settings.ts';
import { type BrokerWorld, startBrokerWorld } from './broker-world.ts';
import type { FaultProxy } from './fault-proxy.ts';

export {
  type BrokerProcess,
  type BrokerWorld,
  CALLER,
  HTTPS_LIMIT,
} from './broker-world.ts';

/** Everything for one test file; vendors and endpoints are sound again before each test. */
export function brokerWorld(): BrokerWorld {
  const world = {} as BrokerWorld;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const started = await startBrokerWorld();
    Object.assign(world, started.world);
    close = started.close;
  });
  beforeEach(() => {
    world.dynamodb.heal();
    world.secretsManager.heal();
    for (const name of VENDOR_NAMES) {
      world.vendors[name].set(DEFAULT_SETTINGS);
      world.vendors[name].setFault();
      world.vendors[name].counters.reset();
    }
  });
  afterAll(() => close());
  return world;
}

/** Requests for tokens that reached a simulated vendor. */
export function mints(world: BrokerWorld, vendor: VendorName): number {
  return world.vendors[vendor].counters.received('token', 'client_credentials');
}

/** How many requests of each operation were on the wire while `run` ran. */
export async function counted(
  proxy: FaultProxy,
  run: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const before = new Map(proxy.seen);
  await run();
  const more = [...proxy.seen].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

/** The error that a promise must reject with, as it travels. */
export async function refusal(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await promise.then(
    (value) => {
      throw new Error(`It was answered: ${JSON.stringify(value)}`);
    },
    (reason: unknown) => reason,
  );
  return JSON.parse(JSON.stringify(error));
}
