import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { expect, test } from 'vitest';
import { startLocalBrokerProcess } from '../support/local-broker.ts';

const TableName = 'token-broker-tokens';
const SecretId = 'token-broker/crash-symbols';

test('what was acknowledged before kill -9 is there after the next start, round after round', async () => {
  const data = await mkdtemp(join(tmpdir(), 'token-broker-killed-'));
  let acknowledged = -1;
  let put = -1;
  for (let round = 0; round < 4; round += 1) {
    const broker = await startLocalBrokerProcess({ data });
    const settings = {
      region: 'us-east-1',
      endpoint: broker.awsUrl,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    };
    const dynamodb = new DynamoDBClient(settings);
    const manager = new SecretsManagerClient(settings);
    if (round > 0) {
      const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key: { pk: { S: 'counter' } } }));
      const { SecretString } = await manager.send(new GetSecretValueCommand({ SecretId }));
      expect(Number(Item?.n?.N)).toBeGreaterThanOrEqual(acknowledged);
      expect(JSON.parse(SecretString!).n).toBeGreaterThanOrEqual(put);
    }
    const killed = new Promise<void>((resolve) => broker.child.once('close', () => resolve()));
    let alive = true;
    const writeItems = async () => {
      for (let n = acknowledged + 1; alive; n += 1) {
        await dynamodb.send(
          new PutItemCommand({ TableName, Item: { pk: { S: 'counter' }, n: { N: String(n) } } }),
        );
        acknowledged = n;
      }
    };
    const writeSecrets = async () => {
      for (let n = put + 1; alive; n += 1) {
        await manager.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify({ n }) }));
        put = n;
        if (n % 20 === 19) broker.child.kill('SIGKILL');
      }
    };
    const writing = Promise.allSettled([writeItems(), writeSecrets()]);
    await killed;
    alive = false;
    await writing;
    dynamodb.destroy();
    manager.destroy();
    expect(put).toBeGreaterThan(round * 10);
  }
  await rm(data, { recursive: true });
});
