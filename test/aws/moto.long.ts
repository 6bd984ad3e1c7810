import { test } from 'vitest';
import { motoServer } from '../support/store-servers.ts';
import { storeTests } from '../support/store-tests.ts';

const moto = motoServer();

if ('missing' in moto) {
  test.skip(`stores on moto: skipped, because ${moto.missing}`);
} else {
  const start = async () => {
    const { origin, close } = await moto.start();
    return { dynamodb: origin, secretsManager: origin, close };
  };
  storeTests('stores on moto', start, { anySize: true, atomic: false });
}
