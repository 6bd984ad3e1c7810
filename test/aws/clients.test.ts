import { randomUUID } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { DescribeTableCommand, DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test } from 'vitest';
import { grantsClient, secretsManagerClient, tokensClient } from '../../shared/aws/clients.ts';
import { createTables } from '../../shared/aws/create-tables.ts';
import { Table } from '../../shared/aws/table.ts';
import { StoreUnavailable } from '../../shared/contract/errors.ts';
import { startStoreEndpoint } from '../support/store-endpoint.ts';
import { localAccess } from '../support/stores.ts';

let close: () => unknown = () => undefined;
afterEach(() => close());

/** Accepts connections, and answers nothing or one byte of a body at a time. */
async function blackHole(dripping = false): Promise<{ endpoint: string; connections: Socket[] }> {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    if (!dripping) return;
    socket.write(
      'HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 100000\r\n\r\n{',
    );
    const drip = setInterval(() => socket.write(' '), 50);
    socket.on('close', () => clearInterval(drip));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    for (const socket of connections) socket.destroy();
    server.close();
  };
  const address = server.address() as { port: number };
  return { endpoint: `http://127.0.0.1:${address.port}`, connections };
}

test('the bounds of every client are the documented ones', async () => {
  const clients = [tokensClient(localAccess), grantsClient(localAccess), secretsManagerClient(localAccess)];
  const bounds = clients.map(async ({ client, timeout }) => [await client.config.maxAttempts(), timeout]);
  expect(await Promise.all(bounds)).toEqual([
    [2, 2_500],
    [2, 3_500],
    [3, 6_500],
  ]);
});

test('no client shows a logger what is asked and answered', async () => {
  const endpoint = await startStoreEndpoint();
  close = endpoint.close;
  const shown: unknown[] = [];
  const show = (...values: unknown[]) => void shown.push(values);
  const logger = { trace: show, debug: show, info: show, warn: show, error: show };
  const config = { ...localAccess, endpoint: endpoint.origin, logger };
  const named = { TableName: 'told-to-nobody' };
  for (const { client } of [tokensClient(config), grantsClient(config)])
    await expect(client.send(new DescribeTableCommand(named))).rejects.toThrow();
  const { client } = secretsManagerClient(config);
  const secret = { Name: 'told-to-nobody', SecretString: 'told-to-nobody' };
  await client.send(new CreateSecretCommand(secret));
  await client.send(new GetSecretValueCommand({ SecretId: secret.Name }));
  expect(JSON.stringify(shown)).not.toContain('told-to-nobody');
});

test('a tokens table that accepts and never answers is given up after two attempts', async () => {
  const { endpoint, connections } = await blackHole();
  const table = new Table(tokensClient({ ...localAccess, endpoint }), 'tokens');
  await expect(table.get({ pk: 'x' }, false)).rejects.toThrow(StoreUnavailable);
  expect(connections).toHaveLength(2);
});

test('an answer that never ends is given up when its time is over', async () => {
  const { endpoint } = await blackHole(true);
  const { client } = tokensClient({ ...localAccess, endpoint });
  const table = new Table({ client, timeout: 300 }, 'tokens');
  await expect(table.get({ pk: 'x' }, false)).rejects.toThrow('no answer in time');
});

test('a closed port is unavailable', async () => {
  const { endpoint } = await blackHole();
  close();
  const table = new Table(tokensClient({ ...localAccess, endpoint }), 'tokens');
  await expect(table.get({ pk: 'x' }, false)).rejects.toThrow(/tokens: ECONNREFUSED/);
});

test('a missing table is unavailable and named', async () => {
  const endpoint = await startStoreEndpoint();
  close = () => endpoint.close();
  const table = new Table(tokensClient({ ...localAccess, endpoint: endpoint.origin }), 'absent');
  await expect(table.get({ pk: 'x' }, false)).rejects.toThrow(/absent: ResourceNotFoundException/);
});

test('the endpoint comes from AWS_ENDPOINT_URL', async () => {
  const endpoint = await startStoreEndpoint();
  const before = process.env.AWS_ENDPOINT_URL;
  process.env.AWS_ENDPOINT_URL = endpoint.origin;
  close = () => {
    if (before === undefined) delete process.env.AWS_ENDPOINT_URL;
    else process.env.AWS_ENDPOINT_URL = before;
    return endpoint.close();
  };
  const { client } = tokensClient(localAccess);
  const names = { tokens: `tokens-${randomUUID()}`, grants: `grants-${randomUUID()}` };
  await createTables(client, names);
  const { Table: table } = await client.send(new DescribeTableCommand({ TableName: names.tokens }));
  expect(table?.TableStatus).toBe('ACTIVE');
});

test('tables are created once, however many processes begin at the same time', async () => {
  const endpoint = await startStoreEndpoint();
  close = () => endpoint.close();
  const { client } = grantsClient({ ...localAccess, endpoint: endpoint.origin });
  const names = { tokens: `tokens-${randomUUID()}`, grants: `grants-${randomUUID()}` };
  await Promise.all(Array.from({ length: 5 }, () => createTables(client, names)));
  await createTables(client, names);
  const { Table: grants } = await client.send(new DescribeTableCommand({ TableName: names.grants }));
  expect(grants?.GlobalSecondaryIndexes).toMatchObject([
    {
      IndexName: 'due',
      KeySchema: [
        { AttributeName: 'shard', KeyType: 'HASH' },
        { AttributeName: 'due_at', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['kids'] },
    },
  ]);
  const ttl = await client.send(new DescribeTimeToLiveCommand({ TableName: names.grants }));
  expect(ttl.TimeToLiveDescription?.TimeToLiveStatus).toBe('DISABLED');
});
