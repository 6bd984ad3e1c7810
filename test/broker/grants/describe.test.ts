import { BatchWriteItemCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { brokerWorld, counted } from '../../support/broker.ts';
import { grantProcess, portal } from '../../support/grants.ts';
import { openStores } from '../../support/stores.ts';

const world = brokerWorld();

test('grants are counted up to a thousand, and then it is said that there are more', async () => {
  const process = grantProcess(world, await portal(world));
  await process.consent('consented');
  const { client } = openStores(world.origins, world.names, world.clock).dynamo;
  const table = world.names.grants;
  const Key = { connection: { S: process.connection.name }, subject: { S: 'consented' } };
  const { Item } = await client.send(new GetItemCommand({ TableName: table, Key }));
  /** Copies of the item: what is sealed in it need not open to be counted. */
  const copy = async (from: number, to: number) => {
    for (let index = from; index < to; index += 25) {
      const subjects = Array.from({ length: Math.min(25, to - index) }, (_, i) => `s${index + i}`);
      const puts = subjects.map((subject) => ({
        PutRequest: { Item: { ...Item, subject: { S: subject } } },
      }));
      await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: puts } }));
    }
  };
  await copy(0, 998);
  const few = await process.counts();
  expect(few).toMatchObject({ grants: { active: 999 } });
  expect(few).not.toHaveProperty('grants_truncated');
  await copy(998, 1_001);
  const many = () => process.counts();
  expect(await many()).toMatchObject({ grants: { active: 1_000 }, grants_truncated: true });
  // One page, or two where a thousand do not fit one of DynamoDB's; not more, however many grants there are.
  expect((await counted(world.dynamodb, many)).Query).toBeLessThanOrEqual(2);
});
