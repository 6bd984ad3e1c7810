/** What the stack makes and what the functions expect are written in two places; here they are compared. */
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_SHARDS } from '../../infra/stores.ts';
import { createTables } from '../../shared/aws/create-tables.ts';
import { MAX_SHARDS as SHARDS_READ } from '../../shared/aws/grants-table.ts';
import { parseKeyring } from '../../shared/aws/keyring.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { type StoreEndpoint, startStoreEndpoint } from '../support/store-endpoint.ts';
import { Deployed } from './deployed.ts';
import { REGION, synthesize } from './synth.ts';

const deployed = new Deployed(synthesize().template);
let endpoint: StoreEndpoint;
beforeAll(async () => {
  endpoint = await startStoreEndpoint();
});
afterAll(() => endpoint.close());

test("the deployed tables are the local program's, key by key and index by index", async () => {
  const client = new DynamoDBClient({
    endpoint: endpoint.origin,
    region: REGION,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const names = { tokens: 'token-broker-tokens', grants: 'token-broker-grants' };
  await createTables(client, names);
  for (const [part, TableName] of [
    ['Tokens', names.tokens],
    ['Grants', names.grants],
  ] as const) {
    const { Table: local } = await client.send(new DescribeTableCommand({ TableName }));
    const stack = deployed.properties('AWS::DynamoDB::Table', part);
    expect(stack.KeySchema).toEqual(local?.KeySchema);
    expect(sorted(stack.AttributeDefinitions)).toEqual(sorted(local?.AttributeDefinitions));
    const indexes = (local?.GlobalSecondaryIndexes ?? []).map(({ IndexName, KeySchema, Projection }) => ({
      IndexName,
      KeySchema,
      Projection,
    }));
    expect(stack.GlobalSecondaryIndexes ?? []).toEqual(indexes);
  }
  client.destroy();
});

test('the keyring that CloudFormation generates is one that opens and seals', () => {
  const { GenerateSecretString } = deployed.properties('AWS::SecretsManager::Secret', 'Keyring');
  const { SecretStringTemplate, GenerateStringKey, PasswordLength } = GenerateSecretString as Record<
    string,
    string
  >;
  const generated = {
    ...JSON.parse(SecretStringTemplate!),
    [GenerateStringKey!]: 'k'.repeat(Number(PasswordLength)),
  };
  const { current, keys } = parseKeyring(new Redacted(JSON.stringify(generated)));
  expect(keys.has(current)).toBe(true);
});

test('as many shards may be deployed as the rotation looks through', () => {
  expect(MAX_SHARDS).toBe(SHARDS_READ);
  expect(() => synthesize({ props: () => ({ shards: MAX_SHARDS + 1 }) })).toThrow(/shards is 65/);
});

function sorted(definitions: unknown): unknown[] {
  return (definitions as { AttributeName: string }[]).toSorted((a, b) =>
    a.AttributeName.localeCompare(b.AttributeName),
  );
}
