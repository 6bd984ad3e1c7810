/** What the command line does where AWS answers instead of a local broker; the broker behind it is the real one. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HttpPeer, json, type Received, type Reply, startHttpPeer } from '../support/http-peer.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { environmentOf, golden, start } from './support.ts';

let broker: LocalBrokerProcess;
let aws: HttpPeer;
let answers: Record<string, Reply>;
beforeAll(async () => {
  [broker, aws] = await Promise.all([startLocalBrokerProcess(), startHttpPeer()]);
});
afterAll(() => Promise.all([broker.dispose(), aws.close()]));
beforeEach(() => {
  published = { endpoint: broker.url };
  const table = (name: string, status: string) => ({
    [`${name}Description`]: { [`${name}Status`]: status },
  });
  answers = {
    'AmazonSSM.GetParameter': (response, received) => parameter(published)(response, received),
    'POST /': json(200, {
      GetCallerIdentityResponse: {
        GetCallerIdentityResult: { Arn: 'arn:aws:iam::111122223333:user/operator' },
      },
    }),
    'secretsmanager.GetSecretValue': json(200, { SecretString: '{"client_id":"a","client_secret":"b"}' }),
    'secretsmanager.DescribeSecret': json(200, { VersionIdsToStages: { v: ['AWSCURRENT'] } }),
    'secretsmanager.PutSecretValue': json(200, { VersionId: 'v' }),
    'DynamoDB_20120810.DescribeTimeToLive': json(200, table('TimeToLive', 'ENABLED')),
    'DynamoDB_20120810.DescribeContinuousBackups': json(200, {
      ContinuousBackupsDescription: table('PointInTimeRecovery', 'ENABLED'),
    }),
    'GET /schedules': schedules('ENABLED'),
  };
  aws.replyWith((response, received) => {
    const answer = answers[operationOf(received)] ?? refusal(400, 'UnknownOperationException');
    answer(response, received);
  });
});

/** Parameters of the stack, by the end of their names. */
let published: Record<string, string>;
const parameter =
  (values: Record<string, string>): Reply =>
  (response, received) => {
    const Value = values[JSON.parse(received.body).Name.split('/').at(-1)];
    const answer =
      Value === undefined ? refusal(400, 'ParameterNotFound') : json(200, { Parameter: { Value } });
    return answer(response, received);
  };

const operationOf = ({ headers, method, path }: Received) =>
  String(headers['x-amz-target'] ?? `${method} ${path.split('?')[0]}`);
const refusal = (status: number, type: string) =>
  json(status, { __type: `com.amazonaws#${type}`, message: 'No.' });
const schedules = (State: string) =>
  json(200, {
    Schedules: [
      {
        Name: 'sweep',
        State,
        Target: { Arn: 'arn:aws:lambda:us-east-1:1:function:dev-token-broker-refresh:live' },
      },
      { Name: 'other', State: 'DISABLED', Target: { Arn: 'arn:aws:lambda:us-east-1:1:function:other' } },
    ],
  });

function run(args: readonly string[], input?: string) {
  const environment = {
    ...environmentOf(),
    AWS_ENDPOINT_URL: aws.origin,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  return start(environment, [...args, '--stack', 'dev-token-broker'], input).ended;
}

test('a stack is found by the parameter that it publishes', async () => {
  expect(await run(['token', 'crash-symbols'])).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(aws.received[0]!.body)).toEqual({ Name: '/dev-token-broker/endpoint' });
});

test.each([
  ['ParameterNotFound', 2, /no stack dev-token-broker in us-east-1.*\nnext: {2}Check --region/],
  ['ExpiredTokenException', 3, /cannot be read: ssm: ExpiredTokenException: No\./],
])('one that is not (%s) is told with what to check', async (type, code, message) => {
  answers['AmazonSSM.GetParameter'] = refusal(400, type);
  expect(await run(['token', 'x'])).toMatchObject({
    code,
    stdout: '',
    stderr: expect.stringMatching(message),
  });
});

describe('secret put', () => {
  const secret = '{"client_id":"a","client_secret":"b"}';

  test('writes to the stage’s own secret', async () => {
    expect(await run(['secret', 'put', 'crash-symbols'], secret)).toMatchObject({ code: 0 });
    const put = aws.received.find((received) => operationOf(received).endsWith('PutSecretValue'));
    expect(JSON.parse(put!.body)).toEqual({
      SecretId: 'dev-token-broker/crash-symbols',
      SecretString: secret,
    });
  });

  test.each([
    [
      'ResourceNotFoundException',
      1,
      /no secret dev-token-broker\/crash-symbols in us-east-1: the stack makes it/,
    ],
    ['AccessDeniedException', 3, /could not be written: .*\nnext: .*secretsmanager:PutSecretValue/],
  ])('tells %s with what to do', async (type, code, message) => {
    answers['secretsmanager.PutSecretValue'] = refusal(400, type);
    const ended = await run(['secret', 'put', 'crash-symbols'], secret);
    expect(ended).toMatchObject({ code, stderr: expect.stringMatching(message) });
    expect(ended.stderr).not.toContain('client_secret');
  });
});

describe('doctor', () => {
  test('looks at the tables, the schedule and the keyring as well', async () => {
    const { code, stdout } = await run(['doctor', 'crash-symbols']);
    expect(golden(stdout)).toBe(`✔ credentials: arn:aws:iam::111122223333:user/operator
✔ region: us-east-1
✔ broker: http://127.0.0.1:PORT answers; 1 connections
– connections file: pass --connections FILE to compare it with what is deployed
✔ secret of crash-symbols: dev-token-broker/crash-symbols: fits client_secret_post
✔ vendor host 127.0.0.1:PORT: reachable from here, clocks agree
✔ token of crash-symbols: the vendor gives one
✔ time to live of dev-token-broker-tokens: expired tokens are deleted
✔ recovery of dev-token-broker-grants: grants can be restored to any point in time
✔ sweep schedule: 1 enabled
✔ sealing keyring: dev-token-broker-internal/sealing-keyring has a value

All is well.
`);
    expect(code).toBe(0);
  });

  test.each<[string, () => Reply, string]>([
    ['GET /schedules', () => schedules('DISABLED'), '✘ sweep schedule: disabled: sweep'],
    [
      'GET /schedules',
      () => json(200, { Schedules: [] }),
      '✘ sweep schedule: no schedule runs the refresher',
    ],
    [
      'GET /schedules',
      () => refusal(403, 'AccessDeniedException'),
      '– sweep schedule: you may not look (AccessDeniedException)',
    ],
    [
      'DynamoDB_20120810.DescribeTimeToLive',
      () => json(200, { TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } }),
      '✘ time to live of dev-token-broker-tokens: is DISABLED',
    ],
    [
      'DynamoDB_20120810.DescribeContinuousBackups',
      () => refusal(400, 'TableNotFoundException'),
      '✘ recovery of dev-token-broker-grants: does not exist',
    ],
    [
      'secretsmanager.DescribeSecret',
      () => json(200, { DeletedDate: 1, VersionIdsToStages: { v: ['AWSCURRENT'] } }),
      '✘ sealing keyring: dev-token-broker-internal/sealing-keyring is scheduled for deletion',
    ],
    [
      'secretsmanager.GetSecretValue',
      () => refusal(400, 'AccessDeniedException'),
      '– secret of crash-symbols: you may not read dev-token-broker/crash-symbols',
    ],
    [
      'secretsmanager.GetSecretValue',
      () => json(200, { SecretString: '{"client_id":"a","private_key":"canary"}' }),
      '✘ secret of crash-symbols: The secret dev-token-broker/crash-symbols is malformed: client_secret is missing',
    ],
  ])('tells what %s says: %#', async (operation, reply, line) => {
    answers[operation] = reply();
    const { code, stdout } = await run(['doctor', 'crash-symbols']);
    expect(stdout).toContain(line);
    expect(stdout).not.toContain('canary');
    expect(code).toBe(line.startsWith('✘') ? 1 : 0);
  });
});

test('doctor looks at the tables that the stack uses, which after a restore have other names', async () => {
  published['grants-table'] = 'dev-token-broker-grants-restored';
  const { stdout } = await run(['doctor']);
  expect(stdout).toMatch(/recovery of dev-token-broker-grants-restored/);
  expect(stdout).toMatch(/time to live of dev-token-broker-tokens/);
});
