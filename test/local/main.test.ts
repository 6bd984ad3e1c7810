import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalBrokerProcess, runLocalBroker, startLocalBrokerProcess } from '../support/local-broker.ts';
import { output } from '../support/output.ts';
import { signedFetch } from '../support/signed-fetch.ts';

let broker: LocalBrokerProcess;
beforeAll(async () => {
  broker = await startLocalBrokerProcess();
});
afterAll(() => broker.dispose());

const settings = (endpoint: string) => ({
  region: 'us-east-1',
  endpoint,
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
});

async function readSecret(awsUrl: string, SecretId: string): Promise<string> {
  const client = new SecretsManagerClient(settings(awsUrl));
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
  client.destroy();
  return SecretString!;
}

async function listTables(awsUrl: string): Promise<string[]> {
  const client = new DynamoDBClient(settings(awsUrl));
  const { TableNames } = await client.send(new ListTablesCommand());
  client.destroy();
  return TableNames!;
}

async function temporaryFile(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'token-broker-file-'));
  const path = join(folder, 'connections.json');
  await writeFile(path, content);
  return path;
}

describe('a started broker', () => {
  test('answers on both ports', async () => {
    expect((await fetch(`${broker.url}/health`)).status).toBe(200);
    expect((await fetch(`${broker.url}/connections`)).status).toBe(403);
    expect((await fetch(broker.awsUrl)).status).toBe(404);
  });

  test('has tables, keyring and the demo’s secrets', async () => {
    expect(await listTables(broker.awsUrl)).toEqual(['token-broker-grants', 'token-broker-tokens']);
    const keyring = JSON.parse(await readSecret(broker.awsUrl, 'token-broker-internal/sealing-keyring'));
    expect(Buffer.from(keyring.keys[keyring.current].k, 'base64url')).toHaveLength(32);
    const secret = JSON.parse(await readSecret(broker.awsUrl, 'token-broker/crash-symbols'));
    expect(secret).toEqual({ client_id: expect.any(String), client_secret: expect.any(String) });
  });

  test('tells all the places, the keys, and the three ways to a token', () => {
    const printed = broker.output();
    for (const part of [
      broker.url,
      broker.awsUrl,
      broker.data,
      'curl -sS --aws-sigv4',
      'aws lambda invoke',
    ]) {
      expect(printed).toContain(part);
    }
    expect(printed).toMatch(/FunctionError/);
    expect(printed).toMatch(/--cli-binary-format raw-in-base64-out/);
  });

  test('shares its data with a second one through AWS_ENDPOINT_URL', async () => {
    const second = await startLocalBrokerProcess({ environment: { AWS_ENDPOINT_URL: broker.awsUrl } });
    try {
      expect(second.output()).toContain(`${broker.awsUrl} (AWS_ENDPOINT_URL)`);
      const response = await signedFetch(`${second.awsUrl}/`, {
        service: 'dynamodb',
        method: 'POST',
        headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables' },
        body: '{}',
      });
      expect(response.status).toBe(404);
      const path = '/2015-03-31/functions/token-broker-invoke%3Acrash-symbols/invocations';
      const invoked = await signedFetch(second.awsUrl + path, {
        service: 'lambda',
        method: 'POST',
        body: '{}',
      });
      expect(invoked.status).toBe(200);
    } finally {
      await second.dispose();
    }
  });

  test('has its folder for itself: a second one on it says so and ends', async () => {
    const { code, output } = await runLocalBroker(['--port', '0', '--aws-port', '0', '--data', broker.data]);
    expect(output).toMatch(/--data .* is in use by process \d+: stop it, or choose another folder/);
    expect(output).not.toMatch(/ at .*\.ts/);
    expect(code).toBe(1);
  });

  test.skipIf(spawnSync('curl', ['--version']).error)(
    'is reached by the curl line that it prints',
    async () => {
      const line = /^curl .*\n.*$/m.exec(broker.output())![0];
      const answer = JSON.parse(await output('sh', ['-c', line]));
      expect(answer).not.toHaveProperty('reason');
      expect(answer.message).not.toBe('Forbidden');
    },
  );
});

test('data survives a stop and a start, and the keyring stays the same', async () => {
  const data = await mkdtemp(join(tmpdir(), 'token-broker-kept-'));
  const first = await startLocalBrokerProcess({ data });
  const keyring = await readSecret(first.awsUrl, 'token-broker-internal/sealing-keyring');
  expect(await first.stop()).toBe(0);
  const second = await startLocalBrokerProcess({ data });
  expect(await readSecret(second.awsUrl, 'token-broker-internal/sealing-keyring')).toBe(keyring);
  expect(await second.stop('SIGINT')).toBe(0);
  await rm(data, { recursive: true });
});

describe('with a connections file', () => {
  test('it serves that, simulates nothing, and tells how to give it its secret', async () => {
    const path = await temporaryFile('{"connections":{"mine":{"vendor":"bits","scope":"application"}}}');
    const own = await startLocalBrokerProcess({ args: ['--connections', path] });
    try {
      expect(own.output()).toContain('aws secretsmanager create-secret --name token-broker/mine');
      expect(own.output()).not.toContain('Simulated');
      await expect(readSecret(own.awsUrl, 'token-broker/crash-symbols')).rejects.toThrow(/can't find/);
    } finally {
      await own.dispose();
    }
  });

  test('every mistake in it is told at once, and nothing starts', async () => {
    const path = await temporaryFile(
      '{"connections":{"a":{"vendor":"bugsplot"},"b":{"vendor":"bits","grunt":1}}}',
    );
    const { code, output } = await runLocalBroker(['--connections', path]);
    expect(output).toContain('connections.a.vendor');
    expect(output).toContain('connections.b.grunt');
    expect(code).toBe(2);
  });

  test('one that is not there is told by its name', async () => {
    const { code, output } = await runLocalBroker(['--connections', '/nowhere/connections.json']);
    expect(output).toBe(
      '--connections /nowhere/connections.json cannot be read (ENOENT): it must be a JSON file\n',
    );
    expect(code).toBe(2);
  });
});

test('a port in use is told with the option that changes it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const data = await mkdtemp(join(tmpdir(), 'token-broker-port-'));
  const port = String((taken.address() as AddressInfo).port);
  for (const option of ['--port', '--aws-port']) {
    const other = option === '--port' ? '--aws-port' : '--port';
    const { code, output } = await runLocalBroker([option, port, other, '0', '--data', data]);
    expect(output).toBe(`Port ${port} is in use. Stop what uses it, or choose another: ${option} N\n`);
    expect(code).toBe(1);
  }
  taken.close();
  await rm(data, { recursive: true });
});

test('--help tells every option with examples', async () => {
  const { code, output } = await runLocalBroker(['--help']);
  for (const part of ['--port', '--aws-port', '--connections', '--data', '--sweep-every', 'Examples:']) {
    expect(output).toContain(part);
  }
  expect(code).toBe(0);
});

test('an option that it does not know ends it, naming those that it knows', async () => {
  const { code, output } = await runLocalBroker(['--frob']);
  expect(output).toMatch(/Unknown option '--frob'.*--sweep-every SECONDS/);
  expect(code).toBe(2);
});
