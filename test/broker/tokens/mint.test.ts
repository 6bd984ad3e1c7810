import { type AttributeValue, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../../functions/compose.ts';
import { tokenRequest } from '../../../shared/broker/request.ts';
import { cacheKey } from '../../../shared/broker/tokens/cache-key.ts';
import type { Connection } from '../../../shared/connections/connection.ts';
import { bugsplat } from '../../../shared/vendors/bugsplat.ts';
import { brokerWorld, mints, refusal } from '../../support/broker.ts';
import type { Fault } from '../../support/fault-proxy.ts';
import { openStores } from '../../support/stores.ts';

const world = brokerWorld();

const symbols = () => world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');

const keyOf = (connection: Connection) =>
  cacheKey(tokenRequest(connection, bugsplat, {}, { begunAt: 0, endsAt: 0 }));

const inFlight = () => world.vendors.bugsplat.counters.snapshot().in_flight;

/** A secrets store that waits for a signal: its holder has the lease by then, and has sent nothing. */
function gated() {
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const change = (stores: Stores): Stores => ({
    ...stores,
    secrets: {
      ...stores.secrets,
      async read(...parameters) {
        reached.resolve();
        await open.promise;
        return stores.secrets.read(...parameters);
      },
    },
  });
  return { change, reached: reached.promise, open: open.resolve };
}

describe('between processes', () => {
  test('one takes the lease, the others wait and get what it minted', async () => {
    const connection = await symbols();
    world.vendors.bugsplat.set({ latency_ms: 300 });
    const processes = Array.from({ length: 5 }, () => world.process(connection));
    const answers = await Promise.all(processes.map((process) => process.token()));
    expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(1);
    expect(mints(world, 'bugsplat')).toBe(1);
    const waits = processes.flatMap(({ events }) => events.filter(({ type }) => type === 'lease_wait'));
    expect(waits).toHaveLength(4);
  });

  test('those who waited for a mint that failed take its failure for their answer', async () => {
    const connection = await symbols();
    world.vendors.bugsplat.set({ latency_ms: 200 });
    world.vendors.bugsplat.setFault({ fault: 'server_error', times: 0 });
    const processes = Array.from({ length: 5 }, () => world.process(connection));
    const refusals = processes.flatMap((process) => [refusal(process.token()), refusal(process.token())]);
    for (const refused of await Promise.all(refusals)) {
      expect(refused).toMatchObject({ error: 'vendor_unavailable' });
    }
    // The two attempts of the one who held the lease.
    expect(mints(world, 'bugsplat')).toBe(2);
    world.vendors.bugsplat.setFault();
    expect(await processes[0]!.token()).toMatchObject({ source: 'vendor' });
  });

  test('the lease of a holder that died ends after its deadline and the clocks’ skew, and is taken over', async () => {
    const connection = await symbols();
    const { tokens } = world.process(connection).stores;
    const lease = { id: 'of-a-dead-holder', until: world.clock.now() + 30_000 };
    await tokens.write(keyOf(connection), undefined, { lease });
    const early = world.process(connection).token({}, { remaining: 22_000 });
    world.clock.advance(21_400);
    expect(await refusal(early)).toMatchObject({ error: 'busy' });
    const patient = world.process(connection).token();
    world.clock.advance(8_600);
    expect(await patient).toMatchObject({ source: 'vendor' });
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('a holder that thaws after its lease sends nothing and writes nothing', async () => {
    const connection = await symbols();
    const gate = gated();
    const holder = world.process(connection, { stores: gate.change });
    const frozen = refusal(holder.token({}, { remaining: 60_000 }));
    await gate.reached;
    world.clock.advance(31_000);
    const successor = await world.process(connection).token();
    gate.open();
    expect(await frozen).toMatchObject({ error: 'vendor_unavailable' });
    expect(mints(world, 'bugsplat')).toBe(1);
    const kept = await world.process(connection).token();
    expect(kept).toMatchObject({ access_token: successor.access_token, source: 'table' });
  });

  test('an answer that arrives after the lease was taken over is not written over the successor’s', async () => {
    const connection = await symbols();
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 600 });
    const holder = world.process(connection);
    const late = holder.token({}, { remaining: 60_000 });
    await expect.poll(inFlight).toBe(1);
    world.clock.advance(31_000);
    const successor = await world.process(connection).token();
    expect((await late).access_token).not.toBe(successor.access_token);
    const kept = await world.process(connection).token();
    expect(kept).toMatchObject({ access_token: successor.access_token, source: 'table' });
  });

  test('a lease write that arrives only after the mint is over leaves no lease behind', async () => {
    const connection = await symbols();
    world.dynamodb.inject('held', { operation: 'PutItem', times: 1 });
    const process = world.process(connection);
    const token = await process.token();
    await world.dynamodb.release();
    const entry = await process.stores.tokens.read(keyOf(connection), { consistent: true });
    expect(entry).not.toHaveProperty('lease');
    expect(entry?.token?.accessToken.reveal()).toBe(token.access_token);
  });

  test.each<Fault>(['applied_then_reset', 'applied_then_500'])(
    'writes that are applied and repeated (%s) neither lose the lease nor the token',
    async (fault) => {
      const connection = await symbols();
      world.dynamodb.inject(fault, { operation: 'PutItem', times: 1 });
      await world.process(connection).token();
      expect(await world.process(connection).token()).toMatchObject({ source: 'table' });
      expect(mints(world, 'bugsplat')).toBe(1);
    },
  );

  test('a mint that fails for want of a secret gives the lease back', async () => {
    const connection = { ...(await symbols()), secret: 'nothing-here' };
    const refused = await refusal(world.process(connection).token());
    expect(refused).toMatchObject({ error: 'secret_unavailable' });
    expect(refused.error_description).toContain('nothing-here does not exist');
    await world.connect({ vendor: 'bugsplat', scope: 'symbols', secret: 'nothing-here' }, 'bugsplat-symbols');
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
  });
});

describe('DynamoDB that is', () => {
  test.each<[string, Fault]>([
    ['refused', 'reset'],
    ['throttled', 'throttle'],
    ['failing', 'error_500'],
    ['silent', 'hang'],
  ])('%s keeps nobody from a token: memory stands in', async (_, fault) => {
    const process = world.process(await symbols());
    world.dynamodb.inject(fault);
    const token = await process.token();
    expect(token).toMatchObject({ source: 'vendor' });
    expect(await process.token()).toMatchObject({ access_token: token.access_token, source: 'memory' });
    world.clock.advance(61_000);
    expect(await process.token()).toMatchObject({ access_token: token.access_token, source: 'memory' });
    expect(mints(world, 'bugsplat')).toBe(1);
    const failures = process.events.filter(({ type }) => type === 'cache_failed');
    expect(failures).toContainEqual(expect.objectContaining({ operation: 'read' }));
  });

  test('gone after a process has read a token from it takes nothing from that process', async () => {
    const connection = await symbols();
    await world.process(connection).token();
    const process = world.process(connection);
    const { access_token } = await process.token();
    world.dynamodb.inject('reset');
    world.clock.advance(61_000);
    expect(await process.token()).toMatchObject({ access_token, source: 'memory' });
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('gone after the lease was taken costs only the other processes’ sharing', async () => {
    const connection = await symbols();
    world.vendors.bugsplat.set({ latency_ms: 200 });
    const process = world.process(connection);
    const minting = process.token();
    await expect.poll(inFlight).toBe(1);
    world.dynamodb.inject('reset');
    const token = await minting;
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'cache_failed', operation: 'result' }),
    );
    world.dynamodb.heal();
    expect(await process.token()).toMatchObject({ access_token: token.access_token, source: 'memory' });
    world.clock.advance(31_000);
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
  });

  test('readable but not writable is minted without', async () => {
    const process = world.process(await symbols());
    world.dynamodb.inject('throttle', { operation: 'PutItem' });
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'cache_failed', operation: 'take' }),
    );
  });

  test('gone does not make min_ttl or rejected a way to hammer the vendor', async () => {
    const process = world.process(await symbols());
    world.dynamodb.inject('reset');
    for (let count = 0; count < 5; count += 1) await process.token({ min_ttl: 86_400 });
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('gone does not make a failing vendor forgotten', async () => {
    const process = world.process(await symbols());
    world.dynamodb.inject('reset');
    world.vendors.bugsplat.setFault({ fault: 'too_many_requests', retry_after: 30, times: 0 });
    expect(await refusal(process.token())).toMatchObject({ error: 'vendor_unavailable' });
    expect(await refusal(process.token())).toMatchObject({ error: 'vendor_unavailable' });
    expect(mints(world, 'bugsplat')).toBe(1);
  });
});

test('a sealed token moved to another item does not open: an alarm, and a miss that one mint mends', async () => {
  const [one, other] = [await symbols(), await symbols()];
  await world.process(one).token();
  const from = await rawItem(one);
  await putRaw({ ...from, pk: { S: `token#${keyOf(other)}` } });
  const process = world.process(other);
  expect(await process.token()).toMatchObject({ source: 'vendor' });
  expect(process.events).toContainEqual(expect.objectContaining({ type: 'unreadable_value' }));
  expect(mints(world, 'bugsplat')).toBe(2);
  const another = world.process(other);
  expect(await another.token()).toMatchObject({ source: 'table' });
  expect(another.events).not.toContainEqual(expect.objectContaining({ type: 'unreadable_value' }));
});

test('an item that is not in the broker’s form is an alarm, and the token is minted without it', async () => {
  const connection = await symbols();
  await putRaw({ pk: { S: `token#${keyOf(connection)}` }, rev: { S: 'r' }, lease: { S: 'none' } });
  const process = world.process(connection);
  expect(await process.token()).toMatchObject({ source: 'vendor' });
  expect(process.events).toContainEqual(expect.objectContaining({ type: 'unreadable_value' }));
});

async function rawItem(connection: Connection) {
  const { dynamo } = openStores(world.origins, world.names);
  const Key = { pk: { S: `token#${keyOf(connection)}` } };
  return (await dynamo.client.send(new GetItemCommand({ TableName: world.names.tokens, Key }))).Item!;
}

async function putRaw(Item: Record<string, AttributeValue>) {
  const { dynamo } = openStores(world.origins, world.names);
  await dynamo.client.send(new PutItemCommand({ TableName: world.names.tokens, Item }));
}
