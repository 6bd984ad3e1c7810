/** Against the broker on one machine: what a program that manages connections asks. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTokenClient } from '../../shared/client/index.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';

let broker: LocalBrokerProcess;
beforeAll(async () => {
  broker = await startLocalBrokerProcess();
});
afterAll(() => broker.dispose());

const client = () =>
  createTokenClient(
    { endpoint: broker.url },
    { region: 'us-east-1', credentials: async () => ({ accessKeyId: 'local', secretAccessKey: 'local' }) },
  );

test('connections are listed, a consent begun, grants listed and revoked', async () => {
  const names = (await client().connections()).map(({ connection }) => connection);
  expect(names).toContain('logs-portal');
  expect(await client().grants('logs-portal', { limit: 10 })).toEqual({ grants: [] });
  expect(await client().consent('logs-portal', { subject: 'ada' })).toMatchObject({
    consent_url: expect.stringContaining(`${broker.url}/consent/`),
  });
  expect(await client().revoke('logs-portal', 'nobody at all', { force: true })).toEqual({ status: 'none' });
});

test('a direct invoke gives tokens only, and says so', async () => {
  const direct = createTokenClient({ functionName: 'token-broker-invoke' }, { region: 'us-east-1' });
  await expect(direct.grants('logs-portal')).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(direct.connections()).rejects.toMatchObject({ code: 'invalid_request' });
});
