import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulatedVendors } from '../../functions/simulator/server.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { signedFetch } from '../support/signed-fetch.ts';

const vendors = await startSimulatedVendors();
const folder = await mkdtemp(join(tmpdir(), 'token-broker-shared-'));
let first: LocalBrokerProcess;
let second: LocalBrokerProcess;

beforeAll(async () => {
  const file = join(folder, 'connections.json');
  const crash = { vendor: 'bugsplat', base_url: vendors.origins.bugsplat, scope: 'symbols' };
  await writeFile(file, JSON.stringify({ connections: { crash } }));
  const args = ['--connections', file, '--key', 'local'];
  first = await startLocalBrokerProcess({ args });
  second = await startLocalBrokerProcess({ args, environment: { AWS_ENDPOINT_URL: first.awsUrl } });
});
afterAll(async () => {
  await Promise.all([first?.dispose(), second?.dispose(), vendors.close()]);
  await rm(folder, { recursive: true, force: true });
});

test('brokers on one endpoint share secrets, tokens and leases', async () => {
  const secrets = await vendors.bugsplat.clientSecrets();
  const manager = new SecretsManagerClient({
    endpoint: first.awsUrl,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const SecretString = JSON.stringify(secrets['bugsplat-symbols']);
  await manager.send(new CreateSecretCommand({ Name: 'token-broker/crash', SecretString }));
  manager.destroy();

  const brokers = Array.from({ length: 20 }, (_, index) => (index % 2 ? first : second));
  const answers = await Promise.all(
    brokers.map(async ({ url }) => {
      const answer = await signedFetch(`${url}/connections/crash/token`, { method: 'POST' });
      return (await answer.json()) as { access_token: string };
    }),
  );
  expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(1);
  expect(vendors.bugsplat.counters.snapshot().mints).toBe(1);
});
