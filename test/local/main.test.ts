import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { decideAt, typeCodeAt } from '../support/http-browser.ts';
import { type LocalBrokerProcess, runLocalBroker, startLocalBrokerProcess } from '../support/local-broker.ts';
import { output } from '../support/output.ts';
import { signedFetch } from '../support/signed-fetch.ts';

const awsCli = /^aws-cli\/(\d+)/.exec(String(spawnSync('aws', ['--version']).stdout))?.[1];

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
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'connections.json');
  await writeFile(path, content);
  return path;
}

/** A token by the HTTPS route. */
async function getToken(url: string, connection: string, body: object = {}) {
  const response = await signedFetch(`${url}/connections/${connection}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as { access_token?: string; error?: string };
}

async function beginConsent(url: string, connection: string): Promise<string> {
  const response = await signedFetch(`${url}/connections/${connection}/consent`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  return ((await response.json()) as { consent_url: string }).consent_url;
}

test('consents that were given to the simulated vendors outlive the broker, with the vendors\u2019 addresses', async () => {
  const data = await mkdtemp(join(tmpdir(), 'token-broker-kept-'));
  onTestFinished(() => rm(data, { recursive: true }));
  const first = await startLocalBrokerProcess({ data });
  await decideAt(await beginConsent(first.url, 'logs-portal'), 'approve');
  await typeCodeAt(await beginConsent(first.url, 'logs-desk'));
  const before = await getToken(first.url, 'logs-portal');
  await first.stop();

  const second = await startLocalBrokerProcess({ data });
  onTestFinished(() => second.dispose());
  const simulated = (broker: LocalBrokerProcess) => /Simulated .*/.exec(broker.output())?.[0];
  expect(simulated(second)).toBe(simulated(first));
  for (const connection of ['logs-portal', 'logs-desk']) {
    const { access_token = '' } = await getToken(second.url, connection);
    // The vendor knows its refresh token, too.
    const renewed = await getToken(second.url, connection, {
      rejected: createHash('sha256').update(access_token).digest('base64url'),
    });
    expect(renewed).toMatchObject({ source: 'vendor' });
    expect([access_token, before.access_token]).not.toContain(renewed.access_token);
  }
});

describe('a started broker', () => {
  const session = { application_id: 'a', workflow_id: 'w', redirect_url: 'https://example.com/done' };
  test.each<[string, object]>([
    ['crash-symbols', {}],
    ['crash-restricted', {}],
    ['logs-service', {}],
    ['logs-jobs', {}],
    ['research-team', {}],
    ['onboarding', {}],
    ['onboarding', { scope: 'application.read' }],
    ['onboarding', { scope: 'application.session', params: session }],
  ])('gives a token of the simulated vendor for %s %j', async (connection, body) => {
    expect(await getToken(broker.url, connection, body)).toHaveProperty('access_token');
  });

  test.each(['logs-portal', 'logs-desk', 'research-user', 'research-kiosk'])(
    'asks for consent for %s',
    async (connection) => {
      expect(await getToken(broker.url, connection)).toMatchObject({ error: 'consent_required' });
    },
  );

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
      expect(await invoked.json()).toHaveProperty('access_token');
    } finally {
      await second.dispose();
    }
  });

  test('has its folder for itself: a second one on it says so and ends', async () => {
    const { code, output } = await runLocalBroker(['--port', '0', '--aws-port', '0', '--data', broker.data]);
    expect(output).toMatch(/--data .* is in use by another broker: stop it, or choose another folder/);
    expect(output).not.toMatch(/ at .*\.ts/);
    expect(code).toBe(1);
  });

  test.skipIf(spawnSync('curl', ['--version']).error)(
    'is reached by the curl line that it prints',
    async () => {
      const line = /^curl .*\n.*$/m.exec(broker.output())![0];
      const answer = JSON.parse(await output('sh', ['-c', line]));
      expect(answer).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer' });
    },
  );

  test('is reached by the SDK snippet that it prints', async () => {
    const snippet = /^import .*LambdaClient[\s\S]*ToString\(\)\)\);$/m.exec(broker.output())![0];
    const printed = await output(process.execPath, ['--input-type=module', '-e', snippet]);
    expect(printed).toMatch(/^success \{\s+access_token: /);
  });

  test.skipIf(awsCli === undefined)('is reached by the AWS CLI line that it prints', async () => {
    const line = /^AWS_ACCESS_KEY_ID[\s\S]*?lambda invoke[\s\S]*?\/dev\/stdout$/m.exec(broker.output())![0];
    expect(await output('sh', ['-c', `{ ${line}; } | cat`])).toMatch(/^\{"access_token":"/);
  });
});

test('data survives a stop and a start, and the keyring stays the same', async () => {
  const data = await mkdtemp(join(tmpdir(), 'token-broker-kept-'));
  const first = await startLocalBrokerProcess({ data });
  const keyring = await readSecret(first.awsUrl, 'token-broker-internal/sealing-keyring');
  expect(await first.stop()).toBe(0);
  const second = await startLocalBrokerProcess({ data });
  expect(await readSecret(second.awsUrl, 'token-broker-internal/sealing-keyring')).toBe(keyring);
  // The simulation has learnt the public key of the private key that is kept.
  expect(await getToken(second.url, 'logs-jobs')).toHaveProperty('access_token');
  expect(await second.stop('SIGINT')).toBe(0);
  await rm(data, { recursive: true });
});

describe('with a connections file', () => {
  test('it serves that, simulates nothing, and tells how to give it its secret', async () => {
    const path = await temporaryFile('{"connections":{"mine":{"vendor":"bits","scope":"application"}}}');
    const own = await startLocalBrokerProcess({ args: ['--connections', path, '--key', 'local'] });
    try {
      expect(own.output()).toContain('aws secretsmanager create-secret --name token-broker/mine');
      expect(own.output()).not.toContain('Simulated');
      await expect(readSecret(own.awsUrl, 'token-broker/crash-symbols')).rejects.toThrow(/can't find/);
    } finally {
      await own.dispose();
    }
  });

  test('those of its connections that are to have simulated vendors get tokens without a secret of their own', async () => {
    const path = await temporaryFile(
      '{"connections":{"mine":{"vendor":"bugsplat","scope":"restricted"},"jobs":{"vendor":"bugfender","client_auth":"private_key_jwt"},"real":{"vendor":"bits","scope":"application"}}}',
    );
    const args = ['--connections', path, '--key', 'local', '--simulate', 'mine', 'jobs'];
    const own = await startLocalBrokerProcess({ args });
    try {
      for (const name of ['mine', 'jobs'])
        expect(await getToken(own.url, name)).toHaveProperty('access_token');
      expect(await getToken(own.url, 'real')).toMatchObject({ error: 'secret_unavailable' });
      expect(own.output()).toMatch(/Simulated +bugsplat http:/);
    } finally {
      await own.dispose();
    }
  });

  test.each([
    ['that it does not have', 'other', /--simulate other: the file has team, own/],
    ['whose vendor nobody simulates', 'own', /--simulate own: custom is not simulated/],
    [
      'that none of the simulated clients is like',
      'team',
      /--simulate team: no simulated client of bipsync has client_credentials by client_secret_\w+ for "team_7"; its scopes are team_42, /,
    ],
  ])('a connection %s is told, and nothing is simulated', async (_, name, message) => {
    const path = await temporaryFile(
      '{"connections":{"team":{"vendor":"bipsync","tenant":"acme","scope":"team_7"},"own":{"vendor":"custom","token_endpoint":"https://as.example/token"}}}',
    );
    const { code, output } = await runLocalBroker(['--connections', path, '--simulate', name]);
    expect(output).toMatch(message);
    expect(code).toBe(2);
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

test('an AWS_ENDPOINT_URL that does not answer is told in one line', async () => {
  const { code, output } = await runLocalBroker(['--port', '0', '--aws-port', '0'], {
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  });
  expect(output).toMatch(
    /^DynamoDB or Secrets Manager at http:\/\/127\.0\.0\.1:9 cannot be used: .*ECONNREFUSED.*\n$/,
  );
  expect(code).toBe(1);
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
  for (const part of [
    '--port',
    '--aws-port',
    '--connections',
    '--simulate',
    '--data',
    '--key',
    '--sweep-every',
    'Examples:',
  ]) {
    expect(output).toContain(part);
  }
  expect(code).toBe(0);
});

test('an option that it does not know ends it, naming those that it knows', async () => {
  const { code, output } = await runLocalBroker(['--frob']);
  expect(output).toMatch(/unknown option '--frob'.*--sweep-every SECONDS/);
  expect(code).toBe(2);
});
