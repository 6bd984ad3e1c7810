/** Both tables, for the broker on one machine and for tests; a deployment's are made by its stack. */
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { GRANTS_TABLE, type TableSchema, TOKENS_TABLE } from '../contract/tables.ts';
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
    createTable(client, tableInput(names.tokens, TOKENS_TABLE)).then(() =>
      expireItems(client, names.tokens, TOKENS_TABLE.ttl),
    ),
    createTable(client, tableInput(names.grants, GRANTS_TABLE)),
  ]);
}

/** What DynamoDB is asked for, to make a table of this schema. */
export function tableInput(name: string, { key, index }: TableSchema): CreateTableCommandInput {
  const keys = [key, ...(index ? [index.key] : [])];
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: keys
      .flatMap(({ partition, sort }) => [partition, ...(sort ? [sort] : [])])
      .map((attribute) => ({ AttributeName: attribute.name, AttributeType: attribute.type })),
    KeySchema: keySchema(key),
    ...(index && {
      GlobalSecondaryIndexes: [
        {
          IndexName: index.name,
          KeySchema: keySchema(index.key),
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: index.include },
        },
      ],
    }),
  };
}

function keySchema({ partition, sort }: TableSchema['key']): KeySchemaElement[] {
  return [
    { AttributeName: partition.name, KeyType: 'HASH' },
    ...(sort ? [{ AttributeName: sort.name, KeyType: 'RANGE' as const }] : []),
  ];
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
async function expireItems(client: DynamoDBClient, name: string, attribute: string): Promise<void> {
  const specification = { AttributeName: attribute, Enabled: true };
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
