/** The client against the real broker, in both transports. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTokenClient, TokenBrokerError, type TokenClient } from '../../shared/client/index.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { caught, LOCAL_KEYS } from './support.ts';

let broker: LocalBrokerProcess;
beforeAll(async () => {
  broker = await startLocalBrokerProcess();
  vi.stubEnv('AWS_ENDPOINT_URL', broker.awsUrl);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await broker.dispose();
});

const FUNCTION = 'token-broker-invoke';
const ARN = `arn:aws:lambda:us-east-1:000000000000:function:${FUNCTION}`;
const session = { application_id: 'a', workflow_id: 'w', redirect_url: 'https://example.com/done' };

describe.each<[string, () => TokenClient]>([
  ['HTTPS', () => createTokenClient({ endpoint: broker.url }, { credentials: LOCAL_KEYS })],
  [
    'HTTPS with a slash',
    () => createTokenClient({ endpoint: `${broker.url}/` }, { credentials: LOCAL_KEYS }),
  ],
  [
    'invoke by name',
    () => createTokenClient({ functionName: FUNCTION }, { credentials: LOCAL_KEYS, region: 'us-east-1' }),
  ],
  ['invoke by ARN', () => createTokenClient({ functionName: ARN }, { credentials: LOCAL_KEYS })],
])('by %s', (way, create) => {
  test('a token comes, with scope and claims', async () => {
    const client = create();
    expect(await client.token('crash-symbols')).toMatchObject({ tokenType: 'Bearer' });
    const token = await client.token('onboarding', { scope: 'application.session', params: session });
    expect(token.scope).toBe('application.session');
  });

  test.each([
    ['research-user', { subject: 'alice' }, 'consent_required'],
    ['crash-symbols', { scope: 'all' }, 'invalid_request'],
    ['crash-symbols', { minTtl: -1 }, 'invalid_request'],
    ['nowhere', {}, 'unknown_connection'],
  ])('%s %j fails with %s', async (connection, options, code) => {
    const error = await caught(create().token(connection, options));
    expect(error).toBeInstanceOf(TokenBrokerError);
    expect(error).toMatchObject({ code, retryable: false });
  });

  test('wrong credentials are not authorized', async () => {
    const credentials = async () => ({ accessKeyId: 'local', secretAccessKey: 'wrong' });
    const location = way.startsWith('HTTPS') ? { endpoint: broker.url } : { functionName: FUNCTION };
    const client = createTokenClient(location, { credentials, region: 'us-east-1' });
    expect(await caught(client.token('crash-symbols'))).toMatchObject({
      code: 'not_authorized',
      retryable: false,
    });
  });
});

describe('by HTTPS', () => {
  test('a connection is described, and its API host is the only one that gets its token', async () => {
    const client = createTokenClient({ endpoint: broker.url }, { credentials: LOCAL_KEYS });
    const { api_hosts, rejection_statuses } = await client.connection('onboarding');
    expect(rejection_statuses).toEqual([401, 403]);
    const response = await client.fetch('onboarding', `http://${api_hosts[0]}/oauth2/userinfo`);
    expect(await response.json()).toHaveProperty('customerId');
    expect(await caught(client.fetch('onboarding', broker.url))).toMatchObject({ code: 'host_not_allowed' });
  });

  test('credentials and Region come from the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'role-job');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    vi.stubEnv('AWS_PROFILE', '');
    await expect(createTokenClient({ endpoint: broker.url }).token('crash-symbols')).resolves.toBeDefined();
  });
});

test('a profile that is named goes before keys in the environment, as in the AWS SDK', async () => {
  const file = join(broker.data, 'credentials');
  await writeFile(file, '[team]\naws_access_key_id = role-job\naws_secret_access_key = local\n');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wrong');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
  vi.stubEnv('AWS_PROFILE', 'team');
  await expect(createTokenClient({ endpoint: broker.url }).token('crash-symbols')).resolves.toBeDefined();
  vi.stubEnv('AWS_PROFILE', 'nobody');
  const error = await caught(createTokenClient({ endpoint: broker.url }).token('crash-symbols'));
  expect(error).toMatchObject({ code: 'no_credentials', message: expect.stringMatching(/AWS_PROFILE/) });
});

test('by direct invoke, a connection is not described, and its API hosts must be given', async () => {
  const client = createTokenClient({ functionName: ARN }, { credentials: LOCAL_KEYS });
  expect(await caught(client.connection('onboarding'))).toMatchObject({ code: 'invalid_request' });
  expect(await caught(client.fetch('onboarding', 'https://api.bits.bi/'))).toMatchObject({
    code: 'host_not_allowed',
    message: expect.stringContaining("apiHosts: { 'onboarding'"),
  });
});

test('a broker that is killed leaves the token that it gave, and then a typed error', async () => {
  const mortal = await startLocalBrokerProcess();
  const client = createTokenClient({ endpoint: mortal.url }, { credentials: LOCAL_KEYS, timeout: 1_000 });
  const token = await client.token('crash-symbols');
  await mortal.stop('SIGKILL');
  expect(await client.token('crash-symbols')).toBe(token);
  const patient = await client.token('crash-symbols', { minTtl: 86_400 });
  expect(patient.accessToken).toBe(token.accessToken);
  expect(patient.warning).toMatch(/still valid, but could not be renewed: .*ECONNREFUSED/);
  expect(await caught(client.token('logs-service'))).toMatchObject({
    code: 'broker_unavailable',
    retryable: true,
  });
  await mortal.dispose();
});
