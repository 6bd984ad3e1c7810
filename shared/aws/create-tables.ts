/** Both tables, for the broker on one machine and for tests; a deployment's are made by its stack. */
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { DUE_INDEX } from '../contract/names.ts';
import { errorName } from './clients.ts';

export interface TableNames {
  readonly tokens: string;
  readonly grants: string;
}

/** Milliseconds between two looks at a table that is being created, and how many looks there are. */
const LOOK_EVERY = 100;
const LOOKS = 300;

/**
 * Creates the tables that are missing and waits until both can be used. Other processes may do the same at the
 * same time.
 * @throws the SDK's error; Error when a table does not become ACTIVE in 30 s
 */
export async function createTables(client: DynamoDBClient, names: TableNames): Promise<void> {
  await Promise.all([
    createTable(client, tokensTable(names.tokens)).then(() => expireItems(client, names.tokens)),
    createTable(client, grantsTable(names.grants)),
  ]);
}

function tokensTable(name: string): CreateTableCommandInput {
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
  };
}

function grantsTable(name: string): CreateTableCommandInput {
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'connection', AttributeType: 'S' },
      { AttributeName: 'subject', AttributeType: 'S' },
      { AttributeName: 'shard', AttributeType: 'N' },
      { AttributeName: 'due_at', AttributeType: 'N' },
    ],
    KeySchema: [
      { AttributeName: 'connection', KeyType: 'HASH' },
      { AttributeName: 'subject', KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: DUE_INDEX,
        KeySchema: [
          { AttributeName: 'shard', KeyType: 'HASH' },
          { AttributeName: 'due_at', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['kids'] },
      },
    ],
  };
}

async function createTable(client: DynamoDBClient, table: CreateTableCommandInput): Promise<void> {
  try {
    if (await isActive(client, table.TableName)) return;
  } catch (error) {
    if (errorName(error) !== 'ResourceNotFoundException') throw error;
    await client.send(new CreateTableCommand(table)).catch(unless('ResourceInUseException'));
  }
  for (let look = 0; look < LOOKS; look += 1) {
    if (await isActive(client, table.TableName)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  throw new Error(
    `The table ${table.TableName} did not become ACTIVE within ${(LOOKS * LOOK_EVERY) / 1000} s.`,
  );
}

async function isActive(client: DynamoDBClient, name: string | undefined): Promise<boolean> {
  const { Table: table } = await client.send(new DescribeTableCommand({ TableName: name }));
  const indexes = table?.GlobalSecondaryIndexes ?? [];
  return table?.TableStatus === 'ACTIVE' && indexes.every((index) => index.IndexStatus === 'ACTIVE');
}

/** Only tidiness, since readers check the time themselves: dynalite knows no such operation. */
async function expireItems(client: DynamoDBClient, name: string): Promise<void> {
  const specification = { AttributeName: 'ttl', Enabled: true };
  await client
    .send(new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification: specification }))
    .catch(unless('UnknownOperationException', 'ValidationException'));
}

/** `ValidationException` is how DynamoDB says that the attribute is set already. */
function unless(...tolerated: string[]): (error: unknown) => void {
  return (error) => {
    if (!tolerated.includes(errorName(error))) throw error;
  };
}
