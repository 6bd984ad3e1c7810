/** Invariant 6 with the clients and the times of production: a DynamoDB that says nothing at all keeps nobody waiting for too long. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awsStores, type Broker, compose } from '../../../functions/compose.ts';
import { httpsCaller } from '../../../shared/broker/caller.ts';
import { brokerWorld, CALLER, HTTPS_LIMIT, mints, refusal } from '../../support/broker.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { localAccess } from '../../support/stores.ts';

const world = brokerWorld();

let aws: FaultProxy;
beforeAll(async () => {
  aws = await startFaultProxy(world.origins.dynamodb);
});
afterAll(() => aws.close());

/** One process as it is deployed, and a request with the time that a function has behind the HTTP API. */
async function deployed(): Promise<() => ReturnType<Broker['token']>> {
  aws.heal();
  const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
  const broker = compose({
    connections: new Map([[connection.name, connection]]),
    stores: awsStores({
      aws: { ...localAccess, endpoint: aws.origin },
      tokensTable: world.names.tokens,
      grantsTable: world.names.grants,
      keyringSecret: world.names.keyring,
      rescuePrefix: `rescue-${randomUUID()}/`,
      shards: 1,
    }),
    observe: () => undefined,
    publicUrl: 'https://broker.example',
    allowLoopbackHttp: true,
  });
  return () => {
    const begunAt = Date.now();
    const span = { begunAt, endsAt: begunAt + HTTPS_LIMIT };
    return broker.token({ caller: httpsCaller(CALLER), connection: connection.name, span });
  };
}

/** What it resolves to, if that is before the function is stopped. */
async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Lambda would have stopped it.')), HTTPS_LIMIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const silent = (...operations: string[]) => {
  for (const operation of operations) aws.inject('hang', { operation });
};

describe('a table that is silent', () => {
  test.each([
    ['from the start', ['GetItem', 'PutItem']],
    ['when the lease is to be taken', ['PutItem']],
  ])('%s: the token comes in time, and the next one from memory', async (_, operations) => {
    const ask = await deployed();
    silent(...operations);
    expect(await inTime(ask())).toMatchObject({ source: 'vendor' });
    expect(await inTime(ask())).toMatchObject({ source: 'memory' });
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('together with a vendor that is silent too: the error comes in time', async () => {
    const ask = await deployed();
    silent('GetItem', 'PutItem');
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 600_000, times: 0 });
    expect(await inTime(refusal(ask()))).toMatchObject({ error: 'vendor_unavailable' });
    expect(mints(world, 'bugsplat')).toBe(2);
  });

  test('when the result is to be kept, with a vendor that takes as long as it may: the token comes in time', async () => {
    const ask = await deployed();
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 600_000 }, { fault: 'slow', delay_ms: 7_000 });
    const answer = ask();
    await expect.poll(() => mints(world, 'bugsplat')).toBe(1);
    silent('GetItem', 'PutItem');
    expect(await inTime(answer)).toMatchObject({ source: 'vendor' });
  });
});

test('Secrets Manager that is silent is secret_unavailable in time, and a lease is not kept for it', async () => {
  const ask = await deployed();
  silent('GetSecretValue');
  expect(await inTime(refusal(ask()))).toMatchObject({ error: 'secret_unavailable' });
  aws.heal();
  expect(await inTime(ask())).toMatchObject({ source: 'vendor' });
});
