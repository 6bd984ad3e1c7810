/** What the stack makes and what the functions expect, where the two are written apart. */
import { expect, test } from 'vitest';
import { tableInput } from '../../shared/aws/create-tables.ts';
import { parseKeyring } from '../../shared/aws/keyring.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { GRANTS_TABLE, MAX_SHARDS, TOKENS_TABLE } from '../../shared/contract/tables.ts';
import { Deployed } from './deployed.ts';
import { synthesize } from './synth.ts';

const deployed = new Deployed(synthesize().template);

test.each([
  ['Tokens', TOKENS_TABLE],
  ['Grants', GRANTS_TABLE],
])('CloudFormation and the local program make the same table of the schema of %s', (part, schema) => {
  const stack = deployed.properties('AWS::DynamoDB::Table', part);
  const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes } = tableInput('any', schema);
  expect(stack).toMatchObject({ KeySchema, AttributeDefinitions });
  expect(stack.GlobalSecondaryIndexes).toEqual(GlobalSecondaryIndexes);
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

test('more shards than the rotation looks through are refused at synth', () => {
  expect(() => synthesize({ props: () => ({ shards: MAX_SHARDS + 1 }) })).toThrow(/shards is 65/);
});
