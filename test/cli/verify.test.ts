/** `verify` against answers in the shapes of the AWS API references; it has no AWS to run against here. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HttpPeer, json, type Received, type Reply, startHttpPeer, text } from '../support/http-peer.ts';
import { environmentOf, start } from './support.ts';

const INVOKE = 'arn:aws:lambda:us-east-1:111122223333:function:dev-token-broker-invoke';
const DENY = {
  Statement: [{ Effect: 'Deny', Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
};

let aws: HttpPeer;
let answers: Record<string, Reply>;
/** What AWS would hold, from the calls that were made. */
let roles: Map<string, string>;
let alarm: string;

beforeAll(async () => {
  aws = await startHttpPeer();
});
afterAll(() => aws.close());
beforeEach(() => {
  roles = new Map();
  alarm = 'OK';
  answers = healthy();
  aws.replyWith((response, received) => {
    const answer = answers[operationOf(received)] ?? json(400, { __type: 'UnknownOperationException' });
    answer(response, received);
  });
});

/** The temporary role's calls, by the key that AssumeRole gave, are told from the operator's. */
function operationOf({ headers, method, path, body }: Received): string {
  const target = headers['x-amz-target'];
  if (target !== undefined) return String(target).replace(/^.*\./, '');
  const action = new URLSearchParams(body).get('Action');
  if (action !== null) return action;
  const asRole = headers.authorization?.includes('ASIATEMPORARY') ? 'role: ' : '';
  return `${asRole}${method} ${path}`.replace(/functions\/arn[^/]+/, 'functions/INVOKE');
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html */
const refused = (code: string, status = 403) =>
  text(status, `<ErrorResponse><Error><Code>${code}</Code><Message>No.</Message></Error></ErrorResponse>`);
const jsonRefused = (type: string) => json(400, { __type: type, Message: 'No.' });
/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html */
const resources = (...pairs: readonly (readonly [string, string])[]) =>
  text(
    200,
    `<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>${pairs
      .map(
        ([type, id]) =>
          `<member><ResourceType>${type}</ResourceType><PhysicalResourceId>${id}</PhysicalResourceId></member>`,
      )
      .join('')}</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>`,
  );
/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackDriftDetectionStatus.html */
const drift = (status: string) =>
  text(
    200,
    `<r><DetectionStatus>DETECTION_COMPLETE</DetectionStatus><StackDriftStatus>${status}</StackDriftStatus></r>`,
  );
/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNatGateways.html */
const gateways = (...addresses: string[]) =>
  text(200, addresses.map((each) => `<item><publicIp>${each}</publicIp></item>`).join(''));

function healthy(): Record<string, Reply> {
  const form = (received: Received) => new URLSearchParams(received.body);
  const forbidden = json(403, { message: 'Forbidden' });
  const notInvokable: Reply = json(
    403,
    { Message: 'not authorized' },
    { 'x-amzn-errortype': 'AccessDeniedException' },
  );
  const base: Record<string, Reply> = {
    GetParameter: (response, received) => {
      const value = received.body.includes('invoke-function') ? INVOKE : aws.origin;
      json(200, { Parameter: { Value: value } })(response, received);
    },
    GetCallerIdentity: json(200, {
      GetCallerIdentityResponse: {
        GetCallerIdentityResult: { Arn: 'arn:aws:iam::111122223333:user/operator' },
      },
    }),
    ListStackResources: resources(
      ['AWS::ApiGatewayV2::Api', 'api1'],
      ['AWS::CloudWatch::Alarm', 'dev-own-faults'],
      ['AWS::EC2::NatGateway', 'nat-1'],
      ['AWS::EC2::EIP', '192.0.2.1'],
    ),
    'GET /connections': json(200, {
      connections: ['first', 'second'].map((connection) => ({
        connection,
        vendor: 'bits',
        grant_type: 'client_credentials',
      })),
    }),
    'POST /connections/first/token': json(200, { access_token: 'canary' }),
    'POST /connections/second/token': json(200, { access_token: 'canary' }),
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    CreateRole: (response, received) => {
      const name = form(received).get('RoleName')!;
      roles.set(name, form(received).get('Tags.member.1.Value')!);
      text(200, `<r><Role><Arn>arn:aws:iam::111122223333:role/${name}</Arn></Role></r>`)(response, received);
    },
    PutRolePolicy: text(200, '<r/>'),
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html
    ListRoleTags: (response, received) => {
      const tag = roles.get(form(received).get('RoleName')!);
      const reply =
        tag === undefined
          ? refused('NoSuchEntity', 404)
          : text(
              200,
              `<r><Tags><member><Key>token-broker:verify</Key><Value>${tag}</Value></member></Tags></r>`,
            );
      reply(response, received);
    },
    DeleteRolePolicy: text(200, '<r/>'),
    DeleteRole: (response, received) => {
      roles.delete(form(received).get('RoleName')!);
      text(200, '<r/>')(response, received);
    },
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    AssumeRole: text(
      200,
      '<r><Credentials><AccessKeyId>ASIATEMPORARY</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials></r>',
    ),
    'role: POST /connections/first/token': json(200, { access_token: 'canary' }),
    'GET /2015-03-31/functions/dev-token-broker-https/configuration': json(200, {
      LoggingConfig: { LogGroup: 'logs' },
    }),
    // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    FilterLogEvents: json(200, { events: [{ message: 'audit' }] }),
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    GetMetricData: json(200, { MetricDataResults: [{ Id: 'requests', Values: [1] }] }),
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    DescribeAlarms: json(200, {
      MetricAlarms: [{ AlarmName: 'dev-own-faults', StateValue: 'OK', AlarmActions: ['arn:aws:sns:topic'] }],
    }),
    SetAlarmState: (response, received) => {
      alarm = JSON.parse(received.body).StateValue;
      json(200, {})(response, received);
    },
    DescribeAlarmHistory: json(200, {
      AlarmHistoryItems: [{ HistorySummary: 'Successfully executed action arn:aws:sns:topic' }],
    }),
    DetectStackDrift: text(200, '<r><StackDriftDetectionId>d</StackDriftDetectionId></r>'),
    DescribeStackDriftDetectionStatus: drift('IN_SYNC'),
    DescribeStackResourceDrifts: text(200, '<r><LogicalResourceId>BrokerKey</LogicalResourceId></r>'),
    DescribeNatGateways: gateways('192.0.2.1'),
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetResourcePolicy.html
    GetResourcePolicy: json(200, { ResourcePolicy: JSON.stringify(DENY) }),
    GetSecretValue: jsonRefused('AccessDeniedException'),
  };
  return new Proxy(base, {
    get: (all, name: string) =>
      all[name] ??
      (name.startsWith('role: POST /2015')
        ? notInvokable
        : name.startsWith('role: ')
          ? forbidden
          : undefined),
  });
}

function verify(...args: string[]) {
  const environment = {
    ...environmentOf(),
    AWS_ENDPOINT_URL: aws.origin,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  return start(environment, ['verify', '--stack', 'dev-token-broker', '--patience', '1', ...args]);
}

test('a healthy deployment gets a tick for each check, and nothing stays behind', async () => {
  const { code, stdout, stderr } = await verify().ended;
  expect(stderr).toBe('');
  expect(stdout.replaceAll(/verify-[0-9a-f]{8}/g, 'verify-ID').replaceAll(aws.origin, '')).toBe(
    `✔ stack: dev-token-broker in us-east-1, as arn:aws:iam::111122223333:user/operator
✔ temporary role: may get a token of first
✔ what first's role is refused over HTTPS: neighbours, other actions and odd paths: all 19
✔ what first's role is refused by direct invoke: other aliases, $LATEST and no alias
✔ token of first: the broker gives one; the vendor was asked a moment ago
✔ token of second: the broker gives one; the vendor was asked a moment ago
✔ audit line: of a call of first is in logs
✔ metric: TokenBroker Requests has counted the call
✔ alarm: dev-own-faults was set and rang
✔ drift: the stack is as it was deployed
✔ egress address: 192.0.2.1, as published
✔ policy of dev-token-broker-internal/sealing-keyring: denies whoever runs this its value
✔ policy of dev-token-broker/first: denies whoever runs this its value
✔ policy of dev-token-broker/second: denies whoever runs this its value
✔ put back: the state of dev-own-faults
✔ put back: the role dev-token-broker-verify-ID

All is well.
`,
  );
  expect({ code, roles: [...roles], alarm }).toEqual({ code: 0, roles: [], alarm: 'OK' });
});

test('the role may get tokens of the one connection, and nothing else', async () => {
  await verify().ended;
  const put = aws.received.find((received) => operationOf(received) === 'PutRolePolicy');
  expect(JSON.parse(new URLSearchParams(put!.body).get('PolicyDocument')!).Statement).toEqual([
    {
      Effect: 'Allow',
      Action: 'execute-api:Invoke',
      Resource: 'arn:aws:execute-api:us-east-1:111122223333:api1/$default/POST/connections/first/token',
    },
    { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: `${INVOKE}:first` },
  ]);
});

describe('what is wrong is told with what mends it, and all is put back', () => {
  const invoke = 'role: POST /2015-03-31/functions/INVOKE/invocations';
  test.each<[string, Reply, RegExp]>([
    ['CreateRole', refused('AccessDenied'), /✘ temporary role: iam: AccessDenied.*\n {4}fix: /],
    ['PutRolePolicy', refused('AccessDenied'), /✘ temporary role: iam: AccessDenied.*\n {4}fix: /],
    ['AssumeRole', refused('AccessDenied'), /✘ temporary role: .*could not be assumed.*\n {4}fix: /],
    [
      'role: POST /connections/first/token',
      json(403, { message: 'Forbidden' }),
      /✘ temporary role: IAM does not let/,
    ],
    [
      'role: POST /connections/second/token',
      json(200, {}),
      /✘ what first's role .* HTTPS: POST \/connections\/second\/token answered 200/,
    ],
    [
      'role: POST //connections/second/token',
      json(200, {}),
      /✘ what first's role .* HTTPS: POST \/\/connections/,
    ],
    [
      `${invoke}?Qualifier=%24LATEST`,
      json(204, undefined),
      /✘ .*direct invoke: it may invoke \$LATEST\n {4}fix: /,
    ],
    [
      `${invoke}?Qualifier=second`,
      json(204, undefined),
      /✘ .*direct invoke: it may invoke second\n {4}fix: /,
    ],
    [
      'POST /connections/second/token',
      json(502, { error: 'vendor_rejected' }),
      /✘ token of second: .*\n {4}fix: /,
    ],
    ['FilterLogEvents', json(200, { events: [] }), /✘ audit line: none .* in logs\n {4}fix: /],
    ['GetMetricData', json(200, { MetricDataResults: [] }), /✘ metric: .*has not counted.*\n {4}fix: /],
    [
      'DescribeAlarms',
      json(200, { MetricAlarms: [{ AlarmName: 'a', StateValue: 'OK' }] }),
      /✘ alarm: no alarm tells anybody\n {4}fix: /,
    ],
    ['DescribeAlarmHistory', json(200, { AlarmHistoryItems: [] }), /✘ alarm: .* ran no action\n {4}fix: /],
    ['SetAlarmState', jsonRefused('AccessDeniedException'), /✘ alarm: monitoring: AccessDeniedException/],
    ['DescribeStackDriftDetectionStatus', drift('DRIFTED'), /✘ drift: changed by hand: BrokerKey\n {4}fix: /],
    [
      'DescribeNatGateways',
      gateways('192.0.2.9'),
      /✘ egress address: the gateways use 192.0.2.9; published: 192.0.2.1\n {4}fix: /,
    ],
    ['GetResourcePolicy', json(200, {}), /✘ policy of .*sealing-keyring: does not deny.*\n {4}fix: /],
    [
      'GetSecretValue',
      json(200, { SecretString: 'canary' }),
      /✘ policy of .*sealing-keyring: you may read.*\n {4}fix: /,
    ],
  ])('%s: %#', async (operation, reply, line) => {
    answers[operation] = reply;
    const { code, stdout } = await verify().ended;
    expect(stdout).toMatch(line);
    expect(stdout).not.toContain('canary');
    expect({ code, roles: [...roles], alarm }).toEqual({ code: 1, roles: [], alarm: 'OK' });
  });
});

test('Ctrl+C puts everything back', async () => {
  answers.DescribeAlarmHistory = json(200, { AlarmHistoryItems: [] });
  const running = verify('--patience', '600');
  await expect.poll(() => alarm, { timeout: 10_000 }).toBe('ALARM');
  running.kill('SIGINT');
  expect(await running.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Interrupted') });
  expect({ roles: [...roles], alarm }).toEqual({ roles: [], alarm: 'OK' });
});

test('a role of that name without this run’s tag is left alone', async () => {
  answers.ListRoleTags = text(200, '<r><Tags/></r>');
  const { code, stdout } = await verify().ended;
  expect(stdout).toMatch(/✘ put back: the role .* left alone/);
  expect({ code, roles: roles.size }).toEqual({ code: 1, roles: 1 });
});

test('the report is JSON as well', async () => {
  const { stdout } = await verify('--json').ended;
  const { findings, interrupted } = JSON.parse(stdout);
  expect(interrupted).toBe(false);
  expect(findings).toContainEqual({
    check: 'drift',
    status: 'ok',
    detail: 'the stack is as it was deployed',
  });
});
