import { expect, test } from 'vitest';
import { brokerWorld, counted } from '../../support/broker.ts';
import { grantProcess, portal } from '../../support/grants.ts';
import { aGrant } from '../../support/stores.ts';

const world = brokerWorld();

test('grants are counted up to a thousand, and then it is said that there are more', async () => {
  const process = grantProcess(world, await portal(world));
  await process.consent('consented');
  const { binding } = await process.grant('consented');
  const put = (index: number) => {
    const key = { connection: process.connection.name, subject: `s${index}` };
    return process.stores.grants.write(undefined, aGrant(world.clock.now(), { ...key, binding, tokens: {} }));
  };
  for (let index = 0; index < 998; index += 50) {
    await Promise.all(Array.from({ length: Math.min(50, 998 - index) }, (_, i) => put(index + i)));
  }
  const few = await process.counts();
  expect(few).toMatchObject({ grants: { active: 999 } });
  expect(few).not.toHaveProperty('grants_truncated');
  await Promise.all([998, 999, 1_000].map(put));
  const many = () => process.counts();
  expect(await many()).toMatchObject({ grants: { active: 1_000 }, grants_truncated: true });
  expect(await counted(world.dynamodb, many)).toEqual({ Query: 1 });
});
