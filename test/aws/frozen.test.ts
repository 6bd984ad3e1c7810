/** Clients of a process that is frozen between two requests: nobody tells it that its connections died (invariant 16). */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DyingConnections, startDyingConnections } from '../support/dying-connections.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { createStores, openStores, type Stores, storeClock } from '../support/stores.ts';

let clock: FakeClock;
let network: DyingConnections;
let stores: Stores;
let keyring: string;
let close: () => Promise<void>;

beforeEach(async () => {
  const endpoint = await startStoreEndpoint();
  network = await startDyingConnections(endpoint.origin);
  const names = await createStores({ dynamodb: endpoint.origin, secretsManager: endpoint.origin });
  keyring = names.keyring;
  clock = storeClock();
  stores = openStores({ dynamodb: network.origin, secretsManager: network.origin }, names, clock);
  close = async () => {
    network.close();
    await endpoint.close();
  };
});
afterEach(() => close());

const readGrant = () => stores.grants.read({ connection: 'c', subject: 's' });
const readEntry = () => stores.tokens.read('k', { consistent: false });
const readSecret = () => stores.manager.client.send(new GetSecretValueCommand({ SecretId: keyring }));

/** What a burst of callers leaves behind: eight pooled connections of each client. */
async function burst(): Promise<void> {
  await Promise.all(Array.from({ length: 8 }, () => [readGrant(), readEntry(), readSecret()]).flat());
  expect(network.counts.opened).toBeGreaterThanOrEqual(24);
}

describe.each(['reset', 'silent'] as const)('connections that died (%s)', (death) => {
  test('while the process was frozen are not used: every client answers at once', async () => {
    await burst();
    network.kill(death);
    clock.advance(11_000);
    for (const operation of [readGrant, readEntry, readSecret]) {
      for (let count = 0; count < 8; count += 1) await operation();
    }
    expect(network.counts.writtenDead).toBe(0);
  });

  test('one by one in a process that runs cost one attempt, and no operation', async () => {
    await readGrant();
    await readEntry();
    await readSecret();
    network.kill(death);
    await readGrant();
    await readEntry();
    await readSecret();
    expect(network.counts.writtenDead).toBe(3);
  });
});

test('connections that rested no longer than a pause between requests are used again', async () => {
  await burst();
  const { opened } = network.counts;
  clock.advance(9_000);
  await Promise.all([readGrant(), readEntry(), readSecret()]);
  expect(network.counts.opened).toBe(opened);
});
