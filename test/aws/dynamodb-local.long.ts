import { test } from 'vitest';
import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { dynamoDbLocal } from '../support/store-servers.ts';
import { storeTests } from '../support/store-tests.ts';

const local = await dynamoDbLocal();

if ('missing' in local) {
  test.skip(`stores on DynamoDB Local: skipped, because ${local.missing}`);
} else {
  storeTests('stores on DynamoDB Local', async () => {
    const [dynamodb, secretsManager] = await Promise.all([local.start(), startStoreEndpoint()]);
    return {
      dynamodb: dynamodb.origin,
      secretsManager: secretsManager.origin,
      close: async () => void (await Promise.all([dynamodb.close(), secretsManager.close()])),
    };
  });
}
