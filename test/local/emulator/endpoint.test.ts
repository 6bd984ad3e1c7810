import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedDynamoDb, embedDynamoDb } from '../../../functions/local/emulator/dynamodb.ts';
import { startAwsEndpoint } from '../../../functions/local/emulator/endpoint.ts';
import { lambdaService } from '../../../functions/local/emulator/lambda.ts';
import type { LocalHandlers } from '../../../functions/local/handlers.ts';
import type { LocalServer } from '../../../functions/local/http.ts';
import { BrokerError } from '../../../shared/contract/errors.ts';
import { echoHandlers } from '../../support/echo-handlers.ts';
import { type SignedFetchOptions, signedFetch } from '../../support/signed-fetch.ts';

const echo = echoHandlers();
const { calls } = echo;
let invoke: LocalHandlers['invoke'];
const handlers: LocalHandlers = { ...echo, invoke: (event, context) => invoke(event, context) };

let folder: string;
let dynamodb: EmbeddedDynamoDb;
let endpoint: LocalServer;

async function start() {
  dynamodb = await embedDynamoDb(join(folder, 'dynamodb'));
  const lambda = lambdaService({ handlers: Promise.resolve(handlers), aliases: ['crash', 'logs-jobs'] });
  endpoint = await startAwsEndpoint({
    port: 0,
    key: 'local',
    services: { lambda, dynamodb: dynamodb.service },
  });
}

async function stop() {
  await endpoint.close();
  await dynamodb.close();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-broker-aws-'));
  await start();
});
afterAll(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  calls.length = 0;
  invoke = echo.invoke;
});

const settings = (region = 'us-east-1') => ({
  region,
  endpoint: endpoint.url,
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  maxAttempts: 1,
});

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:token-broker-invoke';

async function invokeFunction(FunctionName: string, more: Partial<InvokeCommand['input']> = {}) {
  const client = new LambdaClient(settings());
  try {
    const answer = await client.send(new InvokeCommand({ FunctionName, Payload: '{"a":1}', ...more }));
    const payload = answer.Payload?.transformToString() || 'null';
    return { ...answer, payload: JSON.parse(payload) };
  } finally {
    client.destroy();
  }
}

describe('Lambda Invoke', () => {
  test.each([
    ['token-broker-invoke', undefined, FUNCTION],
    ['token-broker-invoke', 'crash', `${FUNCTION}:crash`],
    ['token-broker-invoke:crash', undefined, `${FUNCTION}:crash`],
    ['token-broker-invoke:crash', 'crash', `${FUNCTION}:crash`],
    ['000000000000:function:token-broker-invoke:logs-jobs', undefined, `${FUNCTION}:logs-jobs`],
    [FUNCTION, 'crash', `${FUNCTION}:crash`],
    [`${FUNCTION}:crash`, undefined, `${FUNCTION}:crash`],
    ['token-broker-invoke', '$LATEST', `${FUNCTION}:$LATEST`],
    ['token-broker-invoke', '1', `${FUNCTION}:1`],
    ['token-broker-refresh', undefined, FUNCTION.replace('invoke', 'refresh')],
  ])('of %s with qualifier %s calls %s', async (name, Qualifier, arn) => {
    const { payload, FunctionError, StatusCode } = await invokeFunction(name, { Qualifier });
    expect(payload).toMatchObject({ event: { a: 1 }, context: { invokedFunctionArn: arn } });
    expect([StatusCode, FunctionError]).toEqual([200, undefined]);
  });

  test.each([
    ['token-broker-invoke', 'unknown'],
    ['token-broker-invoke', '2'],
    ['token-broker-refresh', 'crash'],
    ['token-broker-https', undefined],
    ['another', undefined],
    [FUNCTION.replace('000000000000', '111122223333'), 'crash'],
    [FUNCTION.replace('us-east-1', 'eu-west-1'), 'crash'],
  ])('of %s with qualifier %s finds nothing', async (name, Qualifier) => {
    await expect(invokeFunction(name, { Qualifier })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: expect.stringContaining('Function not found: arn:aws:lambda:'),
    });
    expect(calls).toEqual([]);
  });

  test('with two different qualifiers is refused', async () => {
    await expect(
      invokeFunction('token-broker-invoke:crash', { Qualifier: 'logs-jobs' }),
    ).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    });
  });

  test('reports a failure as a function error', async () => {
    invoke = async () => {
      const error = new BrokerError('busy', '{"error":"busy"}');
      throw Object.assign(error, { name: 'busy', stack: '' });
    };
    const { payload, FunctionError, StatusCode } = await invokeFunction('token-broker-invoke:crash');
    expect([StatusCode, FunctionError]).toEqual([200, 'Unhandled']);
    expect(payload).toEqual({ errorType: 'busy', errorMessage: '{"error":"busy"}', trace: [] });
  });

  test('answers at once when asynchronous, and runs the function all the same', async () => {
    const ran = Promise.withResolvers<unknown>();
    const gate = Promise.withResolvers<void>();
    invoke = async (event) => {
      await gate.promise;
      ran.resolve(event);
    };
    const { StatusCode, payload } = await invokeFunction('token-broker-invoke:crash', {
      InvocationType: 'Event',
    });
    expect([StatusCode, payload]).toEqual([202, null]);
    gate.resolve();
    expect(await ran.promise).toEqual({ a: 1 });
  });

  test('runs nothing when it is only a rehearsal', async () => {
    const { StatusCode } = await invokeFunction('token-broker-invoke:crash', { InvocationType: 'DryRun' });
    expect(StatusCode).toBe(204);
    expect(calls).toEqual([]);
  });

  test('without a payload passes an empty event, and null for a result that is undefined', async () => {
    let seen: unknown;
    invoke = async (event) => {
      seen = event;
    };
    const { payload } = await invokeFunction('token-broker-invoke:crash', { Payload: undefined });
    expect([seen, payload]).toEqual([{}, null]);
  });

  test('refuses a payload that is not JSON', async () => {
    await expect(invokeFunction('token-broker-invoke:crash', { Payload: '{' })).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
    });
  });

  test('refuses a payload of more than 6 MB', async () => {
    const Payload = JSON.stringify('a'.repeat(6 * 1024 * 1024));
    await expect(invokeFunction('token-broker-invoke:crash', { Payload })).rejects.toMatchObject({
      name: 'RequestTooLargeException',
    });
  });
});

describe('DynamoDB', () => {
  const table = {
    TableName: 'things',
    BillingMode: 'PAY_PER_REQUEST' as const,
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' as const }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' as const }],
  };

  test('has a new table ready in a moment, keeps its items over a restart, and takes any region', async () => {
    const client = new DynamoDBClient(settings('eu-west-3'));
    await client.send(new CreateTableCommand(table));
    const item = { pk: { S: 'é' }, n: { N: '1' } };
    const put = () => client.send(new PutItemCommand({ TableName: 'things', Item: item }));
    await expect.poll(() => put().then(() => 'put', String)).toBe('put');
    client.destroy();
    await stop();
    await start();
    const again = new DynamoDBClient(settings());
    const { Table } = await again.send(new DescribeTableCommand({ TableName: 'things' }));
    expect(Table?.TableStatus).toBe('ACTIVE');
    const { Item } = await again.send(new GetItemCommand({ TableName: 'things', Key: { pk: { S: 'é' } } }));
    expect(Item).toEqual({ pk: { S: 'é' }, n: { N: '1' } });
    again.destroy();
  });

  test('refuses what it does not know', async () => {
    const client = new DynamoDBClient(settings());
    await expect(client.send(new TransactWriteItemsCommand({ TransactItems: [] }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
    client.destroy();
  });

  test('outlives a body that its emulator stumbles over', async () => {
    expect((await list({ body: 'null' })).status).toBe(500);
    expect((await list()).status).toBe(200);
  });

  test('sends no header that AWS would not', async () => {
    const response = await list();
    expect(response.status).toBe(200);
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

/** DynamoDB’s ListTables, signed, with whatever is changed. */
function list(options: SignedFetchOptions = {}) {
  return signedFetch(`${endpoint.url}/`, {
    service: 'dynamodb',
    method: 'POST',
    body: '{}',
    ...options,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      ...options.headers,
    },
  });
}

describe('refused', () => {
  test.each<[string, SignedFetchOptions, string]>([
    ['a wrong secret', { secret: 'wrong' }, 'InvalidSignatureException'],
    ['an unknown key id', { keyId: 'AKIA' }, 'UnrecognizedClientException'],
    ['a signature for another service', { service: 'secretsmanager' }, 'InvalidSignatureException'],
    ['an old date', { signingDate: new Date(Date.now() - 301_000) }, 'InvalidSignatureException'],
    [
      'an operation that was changed after signing',
      {
        tamper: (request) => {
          request.headers['x-amz-target'] = 'DynamoDB_20120810.DeleteTable';
        },
      },
      'InvalidSignatureException',
    ],
    ['an operation that is not signed', { unsigned: ['x-amz-target'] }, 'InvalidSignatureException'],
  ])('%s', async (_, options, code) => {
    const response = await list(options);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ __type: code });
  });

  test('an unsigned invocation', async () => {
    const url = `${endpoint.url}/2015-03-31/functions/token-broker-invoke:crash/invocations`;
    const response = await fetch(url, { method: 'POST', body: '{}' });
    expect(response.status).toBe(403);
    expect(response.headers.get('x-amzn-errortype')).toBe('MissingAuthenticationTokenException');
    expect(calls).toEqual([]);
  });

  test('a web page', async () => {
    expect((await list({ headers: { origin: 'https://evil.example' } })).status).toBe(403);
  });

  test('another Host', async () => {
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const options = {
        port: endpoint.port,
        host: '127.0.0.1',
        headers: { host: 'dynamodb.us-east-1.amazonaws.com' },
      };
      httpRequest({ ...options, agent: false }, async (response) =>
        resolve({ status: response.statusCode!, body: await text(response) }),
      )
        .on('error', reject)
        .end();
    });
    expect(answer.status).toBe(421);
  });

  test('a service that is not served, with those that are', async () => {
    const response = await signedFetch(`${endpoint.url}/`, {
      service: 'sts',
      method: 'POST',
      body: 'Action=GetCallerIdentity',
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      __type: 'UnknownOperationException',
      message: expect.stringContaining('DynamoDB'),
    });
  });
});

test('what another endpoint serves is not served here, and the answer says so', async () => {
  const lambda = lambdaService({ handlers: Promise.resolve(handlers), aliases: [] });
  const without = await startAwsEndpoint({ port: 0, key: 'local', services: { lambda } });
  const response = await signedFetch(`${without.url}/`, {
    service: 'secretsmanager',
    method: 'POST',
    headers: { 'x-amz-target': 'secretsmanager.ListSecrets' },
    body: '{}',
  });
  await without.close();
  expect([response.status, await response.json()]).toMatchObject([
    404,
    { message: expect.stringContaining('AWS_ENDPOINT_URL was set') },
  ]);
});
