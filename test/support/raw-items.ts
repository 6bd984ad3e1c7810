/** Items of the tables as DynamoDB holds them, past the broker: what a writer of a table sees and does. */
import { type AttributeValue, GetItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { BrokerWorld } from './broker.ts';
import { openStores } from './stores.ts';

type RawItem = Record<string, AttributeValue>;

export function rawItems(world: BrokerWorld) {
  // The world is up once the tests have begun.
  const client = () => openStores(world.origins, world.names, world.clock).dynamo.client;
  const all = async (table: 'tokens' | 'grants'): Promise<RawItem[]> => {
    const { Items } = await client().send(new ScanCommand({ TableName: world.names[table] }));
    return Items!;
  };
  return {
    async grant(connection: string, subject: string): Promise<RawItem | undefined> {
      const Key = { connection: { S: connection }, subject: { S: subject } };
      return (await client().send(new GetItemCommand({ TableName: world.names.grants, Key }))).Item;
    },
    async putGrant(Item: RawItem): Promise<void> {
      await client().send(new PutItemCommand({ TableName: world.names.grants, Item }));
    },
    /** Whatever stands in a table. */
    all,
    /** The consents of a connection. */
    async consents(connection: string): Promise<RawItem[]> {
      const items = await all('tokens');
      return items.filter((item) => item.pk?.S?.startsWith('consent#') && item.connection?.S === connection);
    },
    async putConsent(Item: RawItem): Promise<void> {
      await client().send(new PutItemCommand({ TableName: world.names.tokens, Item }));
    },
  };
}
