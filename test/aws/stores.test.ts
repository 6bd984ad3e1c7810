import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { storeTests } from '../support/store-tests.ts';

storeTests('stores on the local endpoint', async () => {
  const { origin, close } = await startStoreEndpoint();
  return { dynamodb: origin, secretsManager: origin, close };
});
