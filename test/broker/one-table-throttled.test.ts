/** DynamoDB throttles a table for itself: what the other holds goes on. */
import { expect, test } from 'vitest';
import { brokerWorld, mints } from '../support/broker.ts';
import { grantProcess, portal } from '../support/grants.ts';

const world = brokerWorld();
const throttle = (table: 'tokens' | 'grants') =>
  world.dynamodb.inject('throttle', { table: world.names[table] });

test('a throttled grants table keeps nobody from tokens of the client itself, nor from what is remembered', async () => {
  const process = grantProcess(world, await portal(world));
  await process.consent();
  const held = await process.token();
  const symbols = world.process(
    await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols'),
  );
  throttle('grants');
  world.clock.advance(61_000);
  expect(await process.token()).toMatchObject({ access_token: held.access_token, source: 'memory' });
  expect(await symbols.token()).toMatchObject({ source: 'vendor' });
  world.clock.advance(61_000);
  expect(await symbols.token()).toMatchObject({ source: 'table' });
  expect(mints(world, 'bugsplat')).toBe(1);
});

test('a throttled tokens table keeps no grant from being renewed and served', async () => {
  const process = grantProcess(world, await portal(world));
  const { dueAt, refreshToken } = await process.consent();
  throttle('tokens');
  world.clock.advance(dueAt - world.clock.now());
  expect(await process.sweep()).toMatchObject({ renewed: 1 });
  expect((await process.grant()).refreshToken?.reveal()).not.toBe(refreshToken?.reveal());
  expect(await process.token()).toMatchObject({ source: 'table' });
});
