import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { secretsManagerClient } from '../../shared/aws/clients.ts';
import { createSecrets } from '../../shared/aws/secrets.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type StoreEndpoint, startStoreEndpoint } from '../support/store-endpoint.ts';
import { localAccess, storeClock } from '../support/stores.ts';

let endpoint: StoreEndpoint;
let proxy: FaultProxy;

beforeAll(async () => {
  endpoint = await startStoreEndpoint();
  proxy = await startFaultProxy(endpoint.origin);
});
afterEach(() => proxy.heal());
afterAll(async () => {
  await proxy.close();
  await endpoint.close();
});

function admin() {
  return secretsManagerClient({ ...localAccess, endpoint: endpoint.origin }).client;
}

/** A secret with this value, and one process that reads it through the proxy. */
async function setUp(value?: string) {
  const name = `token-broker/${randomUUID()}`;
  const clock = storeClock();
  await admin().send(new CreateSecretCommand({ Name: name, ...(value ? { SecretString: value } : {}) }));
  const secrets = createSecrets(secretsManagerClient({ ...localAccess, endpoint: proxy.origin }), { clock });
  const put = (text: string) =>
    admin().send(new PutSecretValueCommand({ SecretId: name, SecretString: text }));
  const read = async (options?: { fresh: boolean }) => (await secrets.read(name, options)).value.reveal();
  return { name, clock, secrets, put, read };
}

function readings(): number {
  return proxy.seen.get('GetSecretValue') ?? 0;
}

test('a secret is read once for many callers, and again after five minutes', async () => {
  const { read, put, clock } = await setUp('one');
  const before = readings();
  expect(await Promise.all(Array.from({ length: 50 }, () => read()))).toEqual(Array(50).fill('one'));
  await put('two');
  clock.advance(299_999);
  expect(await read()).toBe('one');
  expect(readings() - before).toBe(1);
  clock.advance(1);
  expect(await read()).toBe('two');
  expect(readings() - before).toBe(2);
});

test('a fresh reading passes by the cache, and others profit from it', async () => {
  const { read, put } = await setUp('one');
  await read();
  await put('two');
  expect(await read({ fresh: true })).toBe('two');
  expect(await read()).toBe('two');
});

test('versions are told apart, and the other stages resolve where there is one', async () => {
  const { name, secrets, put } = await setUp('one');
  const first = await secrets.read(name);
  expect(await secrets.readStage(name, 'AWSPREVIOUS')).toBeUndefined();
  expect(await secrets.readStage(name, 'AWSPENDING')).toBeUndefined();
  await put('two');
  const second = await secrets.read(name, { fresh: true });
  expect(second.versionId).not.toBe(first.versionId);
  expect(await secrets.readStage(name, 'AWSPREVIOUS')).toEqual(first);
  const pending = { SecretId: name, SecretString: 'three', VersionStages: ['AWSPENDING'] };
  await admin().send(new PutSecretValueCommand(pending));
  expect((await secrets.readStage(name, 'AWSPENDING'))?.value.reveal()).toBe('three');
});

test('a value outlives its time while Secrets Manager is down, which is asked again only now and then', async () => {
  const { read, put, clock } = await setUp('one');
  await read();
  await put('two');
  clock.advance(3_600_000);
  proxy.inject('error_500');
  expect(await read()).toBe('one');
  const before = readings();
  expect(await read()).toBe('one');
  expect(readings() - before).toBe(0);
  proxy.heal();
  clock.advance(10_000);
  expect(await read()).toBe('two');
});

test.each(['reset', 'error_500', 'throttle', 'hang'] as const)(
  'a secret that was never read is unavailable for now when Secrets Manager answers with %s',
  async (fault) => {
    const { name, clock } = await setUp('one');
    const bounds = { connectionTimeout: 300, requestTimeout: 300, throwOnRequestTimeout: true };
    const manager = secretsManagerClient({ ...localAccess, endpoint: proxy.origin, requestHandler: bounds });
    proxy.inject(fault);
    await expect(createSecrets(manager, { clock }).read(name)).rejects.toMatchObject({
      code: 'secret_unavailable',
      retryAfter: 5,
      message: expect.stringContaining(name),
    });
  },
);

test('a secret that is gone is not served from the cache', async () => {
  const { name, read, clock } = await setUp('one');
  await read();
  await admin().send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));
  clock.advance(300_000);
  await expect(read()).rejects.toThrow('is scheduled for deletion');
  await admin().send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }));
  await expect(read()).rejects.toThrow('does not exist');
});

test('a secret without a value says so, and how to give it one', async () => {
  const { name, secrets } = await setUp();
  await expect(secrets.read(name)).rejects.toMatchObject({
    code: 'secret_unavailable',
    message: `The secret ${name} has no value yet. Put its value with \`token-broker secret put\` or in the Secrets Manager console.`,
  });
});

test('a failure is not remembered: a value that is put afterwards is served', async () => {
  const { secrets, name, put, read } = await setUp();
  await expect(secrets.read(name)).rejects.toThrow('has no value yet');
  await put('one');
  expect(await read()).toBe('one');
});

test('binary data is refused clearly', async () => {
  const { name, secrets } = await setUp();
  const binary = { SecretId: name, SecretBinary: new TextEncoder().encode('{}') };
  await admin().send(new PutSecretValueCommand(binary));
  await expect(secrets.read(name)).rejects.toThrow('SecretBinary');
});

/** A Secrets Manager that answers everything alike. */
async function startAnswering(status: number, answer: object) {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const manager = secretsManagerClient({ ...localAccess, endpoint: origin });
  return {
    secrets: createSecrets(manager, { clock: storeClock() }),
    requests: () => requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test.each([
  ['AccessDeniedException', 'may not be read by the broker'],
  ['DecryptionFailure', 'could not be decrypted'],
])('%s is told apart, without what AWS says about it', async (error, explanation) => {
  const message = 'User arn:aws:sts::1:assumed-role/r/s is not authorized';
  const { secrets, close } = await startAnswering(400, { __type: error, message });
  const reading = secrets.read('token-broker/x');
  await expect(reading).rejects.toThrow(explanation);
  await expect(reading).rejects.not.toThrow('assumed-role');
  close();
});

test('the cache is bounded: the name that was confirmed longest ago leaves it first', async () => {
  const { secrets, requests, close } = await startAnswering(200, { SecretString: 'x', VersionId: 'v' });
  for (let index = 0; index <= 500; index += 1) await secrets.read(`token-broker/${index}`);
  expect(requests()).toBe(501);
  await secrets.read('token-broker/1');
  expect(requests()).toBe(501);
  await secrets.read('token-broker/0');
  expect(requests()).toBe(502);
  close();
});
