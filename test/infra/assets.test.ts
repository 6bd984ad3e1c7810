import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bundle, PROGRAMS } from '../../infra/bundling/bundle.ts';
import { OPERATIONS } from '../../infra/cost.ts';
import { Browser } from '../support/consent-browser.ts';
import type { PolicyDocument } from './deployed.ts';
import { type Call, type Deployment, deploy } from './deployment.ts';
import { mayFunction, type Request } from './simulate.ts';
import { ACCOUNT, REGION } from './synth.ts';

/** Lambda loads a bundle at every cold start; these bytes are what callers wait for. */
const LARGEST_BUNDLE = 260 * 1000;
const CALLER = `arn:aws:sts::${ACCOUNT}:assumed-role/job/session`;

let deployment: Deployment;
beforeAll(async () => {
  deployment = await deploy();
});
afterAll(() => deployment?.close());

test.each(PROGRAMS)('the bundle of %s is small', (program) => {
  const { code, inputs } = bundle(program);
  const packages: Record<string, number> = {};
  for (const [file, bytes] of Object.entries(inputs)) {
    const owner = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? 'token-broker';
    packages[owner] = (packages[owner] ?? 0) + bytes;
  }
  const largest = Object.entries(packages)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5);
  console.log(
    `${program}: ${code.length} bytes; ${largest.map(([name, size]) => `${name} ${size}`).join(', ')}`,
  );
  expect(code.length).toBeLessThanOrEqual(LARGEST_BUNDLE);
  // Lambda's credentials are in the environment: the provider chain must not creep back in.
  expect(Object.keys(packages)).not.toContain('@aws-sdk/credential-provider-node');
});

test.each(PROGRAMS)('the bundle of %s loads nothing of Node that it can do without', (program) => {
  const text = Buffer.from(bundle(program).code).toString();
  // By `import()` Node makes a facade of a built-in, and for that of node:http loads the whole of undici.
  expect(text).not.toMatch(/\bimport\(/);
  expect(text).not.toContain('node:fs/promises');
});

test("a request costs the operations that the guide's table counts", async () => {
  const operations = async (work: () => Promise<unknown>) => {
    const before = deployment.calls.length;
    const logged = deployment.logs().length;
    await work();
    await vi.waitFor(() => expect(deployment.logs().slice(logged)).toContain('"audit"'));
    const made = deployment.calls.slice(before).map(({ action }) => action);
    const count = (action: string) => made.filter((each) => each === `dynamodb:${action}`).length;
    const logBytes = deployment.logs().length - logged;
    return { reads: count('GetItem'), writes: count('PutItem') + count('UpdateItem'), logBytes };
  };
  const overHttps = () => call('POST /connections/{connection}/token', 'service');
  expect(await operations(() => deployment.invoke('Invoke', {}, 'service'))).toEqual(atMost(OPERATIONS.mint));
  expect(await operations(overHttps)).toEqual(atMost(OPERATIONS.table));
  expect(await operations(overHttps)).toEqual(atMost(OPERATIONS.memory));
});

test('a function that serves from the table looks for no configuration file, and loads neither web streams nor WebCrypto', async () => {
  const loaded = await deployment.loaded('Https');
  expect(loaded).toContain('NativeModule https');
  expect(loaded.filter((name) => /fs\/read|webstreams|webcrypto|navigator/.test(name))).toEqual([]);
});

/** Lines differ by a few bytes from run to run, and are no longer than the table has them. */
function atMost({ logBytes, ...operations }: (typeof OPERATIONS)[keyof typeof OPERATIONS]) {
  const within = { asymmetricMatch: (bytes: number) => bytes <= logBytes && bytes > logBytes * 0.7 };
  return { ...operations, logBytes: within };
}

test('the functions serve, consent, refresh, rescue, revoke and rotate as synthesized', async () => {
  expect(await deployment.invoke('Invoke', {}, 'service')).toMatchObject({
    result: { access_token: expect.stringMatching(/^canary-access-/), source: 'memory' },
  });
  expect(await deployment.invoke('Invoke', {}, '$LATEST')).toMatchObject({ errorType: 'access_denied' });
  expect(await call('GET /connections/{connection}', 'person')).toMatchObject({ grants: { active: 0 } });

  expect(await deployment.invoke('Invoke', {}, 'signing')).toMatchObject({ result: { source: 'vendor' } });
  expect(await call('POST /connections/{connection}/token', 'signing')).toHaveProperty('access_token');
  expect(await deployment.invoke('Invoke', {}, 'vouched')).toMatchObject({ result: { source: 'vendor' } });

  const { consent_url } = await call('POST /connections/{connection}/consent', 'person');
  const browser = new Browser(async (event) => {
    const outcome = await deployment.invoke('Callback', event);
    return (outcome as { result: APIGatewayProxyStructuredResultV2 }).result;
  });
  const secret = new URL(String(consent_url)).pathname.split('/').at(-1)!;
  const { searchParams } = new URL((await browser.goOn(secret)).url);
  const back = new URL(searchParams.get('redirect_uri')!);
  expect(back.pathname).toBe('/callback/person');
  back.search = new URLSearchParams({ code: 'canary-code', state: searchParams.get('state')! }).toString();
  expect(await browser.comeBack(back)).toMatchObject({ statusCode: 200 });

  // The first refresh's answer cannot be committed: it is rescued, and the next sweep adopts it.
  const isCommit = ({ caller, action, input }: Call) =>
    caller === 'Refresh' &&
    action === 'dynamodb:PutItem' &&
    input.TableName === 'token-broker-grants' &&
    deployment.vendorRequests.includes('refresh_token') &&
    !deployment.calls.some((made) => made.action === 'secretsmanager:CreateSecret');
  deployment.sabotage(isCommit);
  await sweepUntil(() => deployment.vendorRequests.includes('refresh_token'));
  deployment.sabotage(() => false);
  expect(await call('POST /connections/{connection}/token', 'person')).toMatchObject({
    access_token: expect.stringMatching(/^canary-access-/),
    source: 'table',
  });

  const revoke = 'DELETE /connections/{connection}/grants/{subject}';
  expect(await call(revoke, 'person', { subject: 'default' })).toEqual({
    status: 'revoked',
    vendor: 'not_supported',
  });
  expect(await call('POST /connections/{connection}/token', 'person')).toMatchObject({
    error: 'consent_required',
  });

  const rotation = { SecretId: deployment.keyringArn, ClientRequestToken: crypto.randomUUID() };
  for (const Step of ['createSecret', 'setSecret', 'testSecret', 'finishSecret']) {
    expect(await deployment.invoke('SealingKey', { ...rotation, Step })).toEqual({ result: null });
  }
  // What was sealed before still opens.
  expect(await call('POST /connections/{connection}/token', 'service')).toHaveProperty('access_token');
});

test('what they logged holds metrics and audit records, and no token, code or secret', () => {
  const logs = deployment.logs();
  expect(logs).toContain('"Namespace":"TokenBroker"');
  expect(logs).toContain('"audit"');
  expect(logs).not.toMatch(/canary-(access|refresh|secret|code)/);
});

test('each call that a function made is one that its policies allow', async () => {
  const distinct = new Map(
    deployment.calls.map((made) => [JSON.stringify([made.caller, made.action, resourceOf(made)]), made]),
  );
  expect(distinct.size).toBeGreaterThan(20);
  for (const made of distinct.values()) {
    const request = { action: made.action, resource: resourceOf(made) };
    expect({
      made: [made.caller, request],
      allowed: await mayFunction(deployment.deployed, made.caller, { ...request, ...conditionsOf(made) }),
    }).toEqual({
      made: [made.caller, request],
      allowed: true,
    });
  }
});

test('no function is allowed a data action that none has ever made', () => {
  const granted = deployment.deployed
    .ofType('AWS::IAM::Policy')
    .flatMap(([, { Properties }]) => (Properties.PolicyDocument as PolicyDocument).Statement)
    .filter(({ Condition }) => !JSON.stringify(Condition ?? {}).includes('kms:ViaService'))
    .flatMap(({ Action }) => Action as string | string[])
    .filter((action) => /^(dynamodb|secretsmanager|kms|sts):/.test(action));
  // The place of a forgotten grant is removed an hour later (`test/broker/grants/sweep.test.ts`).
  const made = new Set([...deployment.calls.map(({ action }) => action), 'dynamodb:DeleteItem']);
  expect([...new Set(granted)].filter((action) => !made.has(action))).toEqual([]);
});

/** Sweeps as the schedule does, until the grant has fallen due and been looked at. */
async function sweepUntil(done: () => boolean): Promise<void> {
  do await deployment.invoke('Refresh', { shard: 0 });
  while (!done());
}

/** Calls a route as API Gateway does. */
async function call(
  routeKey: string,
  connection: string,
  parameters: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const pathParameters: Record<string, string> = { connection, ...parameters };
  const [method, path] = routeKey
    .replace(/\{(\w+)\}/g, (_, name: string) => pathParameters[name]!)
    .split(' ');
  const outcome = await deployment.invoke('Https', {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { 'content-type': 'application/json' },
    pathParameters,
    requestContext: { http: { method, path }, authorizer: { iam: { userArn: CALLER, accountId: ACCOUNT } } },
    body: '{}',
    isBase64Encoded: false,
  });
  if (!('result' in outcome)) throw new Error(outcome.errorMessage);
  return JSON.parse((outcome.result as { body: string }).body || '{}');
}

/** The only one: the embedded KMS gives its keys ids of its own. */
const signingKey = () => deployment.deployed.id('AWS::KMS::Key', 'SigningKey');

/** What IAM sees beside action and resource. */
function conditionsOf({ action, input }: Call): Pick<Request, 'context' | 'resourcePolicy'> {
  if (action.startsWith('sts:'))
    return {
      context: {
        'sts:IdentityTokenAudience': input['Audience.member.1']!,
        'sts:SigningAlgorithm': input.SigningAlgorithm!,
        'sts:DurationSeconds': input.DurationSeconds!,
      },
    };
  if (!action.startsWith('kms:')) return {};
  const { KeyPolicy } = deployment.deployed.properties('AWS::KMS::Key', signingKey());
  return {
    context: { 'kms:SigningAlgorithm': input.SigningAlgorithm! },
    resourcePolicy: KeyPolicy as PolicyDocument,
  };
}

/** What IAM sees as the resource of a call. */
function resourceOf({ action, input }: Call): string {
  if (action.startsWith('sts:')) return '*';
  if (action.startsWith('dynamodb:')) {
    const table = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${input.TableName}`;
    return input.IndexName ? `${table}/index/${input.IndexName}` : table;
  }
  if (action.startsWith('kms:')) return `arn:aws:kms:${REGION}:${ACCOUNT}:key/${signingKey()}`;
  const reference = input.SecretId ?? input.Name ?? '';
  const name = reference.startsWith('arn:') ? reference.split(':')[6]!.slice(0, -7) : reference;
  return deployment.deployed.secretArn(name);
}
