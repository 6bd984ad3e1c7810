import type { Stack } from 'aws-cdk-lib';
import { AccountPrincipal, ArnPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { describe, expect, test } from 'vitest';
import { OperatorError } from '../../infra/operator-error.ts';
import type { TokenBroker } from '../../infra/token-broker.ts';
import { API_ID, Deployed } from './deployed.ts';
import { isAllowed } from './simulate.ts';
import { ACCOUNT, REGION, synthesize } from './synth.ts';

const OTHER_ACCOUNT = '444455556666';
const invokeArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:token-broker-invoke`;

function callers(broker: TokenBroker, stack: Stack): void {
  const role = (id: string) => new Role(stack, id, { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
  broker.grantToken(role('Tokens'), 'logs-jobs');
  broker.grantToken(role('Checked'), 'crash-symbols');
  broker.grantRead(role('Reader'), 'logs-jobs');
  broker.grantConsent(role('Consenter'), 'logs-portal');
  broker.grantRevoke(role('Revoker'), 'logs-portal');
  broker.grantToken(new ArnPrincipal(`arn:aws:iam::${OTHER_ACCOUNT}:role/job`), 'logs-jobs');
  broker.callerRole('Foreign', {
    connection: 'onboarding',
    actions: ['token', 'consent', 'revoke'],
    assumedBy: new AccountPrincipal(OTHER_ACCOUNT),
  });
}

const deployed = new Deployed(synthesize({ extend: callers }).template);

/** `METHOD /path`: may the role call it? */
const calls = (role: string, route: string) =>
  isAllowed(deployed, deployed.role(role), {
    action: 'execute-api:Invoke',
    resource: `arn:aws:execute-api:${REGION}:${ACCOUNT}:${API_ID}/$default/${route.replace(' /', '/')}`,
  });
const invokes = (role: string, suffix: string) =>
  isAllowed(deployed, deployed.role(role), {
    action: 'lambda:InvokeFunction',
    resource: `${invokeArn}${suffix}`,
  });

describe('a role that was granted the tokens of one connection', () => {
  test('calls its route and invokes its alias', async () => {
    expect(await calls('Tokens', 'POST /connections/logs-jobs/token')).toBe(true);
    expect(await invokes('Tokens', ':logs-jobs')).toBe(true);
  });

  test.each([
    'POST /connections/logs-portal/token',
    'POST /connections/logs-jobs-2/token',
    'POST /connections/logs/token',
    'POST /connections/logs-jobs/token/',
    'POST /connections/logs-jobs%2Ftoken',
    'POST /connections/logs-portal%2F..%2Flogs-jobs/token',
    'POST /connections/LOGS-JOBS/token',
    'POST /connections//logs-jobs/token',
    'GET /connections/logs-jobs/token',
    'DELETE /connections/logs-jobs/token',
    'GET /connections/logs-jobs',
    'GET /connections',
    'POST /connections/logs-jobs/consent',
    'DELETE /connections/logs-jobs/grants/default',
  ])('does not call %s', async (route) => {
    expect(await calls('Tokens', route)).toBe(false);
  });

  test.each(['', ':$LATEST', ':1', ':logs-portal', ':live', ':logs-jobs-2'])(
    'does not invoke the function as "%s"',
    async (suffix) => {
      expect(await invokes('Tokens', suffix)).toBe(false);
    },
  );

  test('does not invoke the function that serves HTTPS, whose event could name anybody', async () => {
    const resource = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:token-broker-https:live`;
    const request = { action: 'lambda:InvokeFunction', resource };
    expect(await isAllowed(deployed, deployed.role('Tokens'), request)).toBe(false);
  });

  test('is not given a direct invoke that the connection would refuse', async () => {
    expect(await calls('Checked', 'POST /connections/crash-symbols/token')).toBe(true);
    expect(await invokes('Checked', ':crash-symbols')).toBe(false);
  });
});

test.each([
  ['Reader', ['GET /connections', 'GET /connections/logs-jobs', 'GET /connections/logs-jobs/userinfo']],
  ['Consenter', ['POST /connections/logs-portal/consent', 'POST /connections/logs-portal/consent/abc']],
  ['Revoker', ['DELETE /connections/logs-portal/grants/default']],
])('%s may do exactly what was granted', async (role, granted) => {
  const every = ['logs-jobs', 'logs-portal'].flatMap((name) => [
    `POST /connections/${name}/token`,
    `GET /connections/${name}`,
    `GET /connections/${name}/userinfo`,
    `POST /connections/${name}/consent`,
    `POST /connections/${name}/consent/abc`,
    `DELETE /connections/${name}/grants/default`,
  ]);
  const may = await Promise.all(
    ['GET /connections', ...every].map(async (route) => [route, await calls(role, route)]),
  );
  expect(may.filter(([, allowed]) => allowed).map(([route]) => route)).toEqual(granted);
});

test('a principal of another account is let in by the alias itself, and by that alias alone', () => {
  const foreign = deployed
    .ofType('AWS::Lambda::Permission')
    .map(([, { Properties }]) => deployed.resolve(Properties) as Record<string, unknown>)
    .filter(({ Principal }) => String(Principal).includes(OTHER_ACCOUNT));
  expect(foreign).toEqual([
    {
      Action: 'lambda:InvokeFunction',
      FunctionName: `${invokeArn}:logs-jobs`,
      Principal: `arn:aws:iam::${OTHER_ACCOUNT}:role/job`,
    },
  ]);
});

test('a caller role is for another account to assume, and reaches its connection alone', async () => {
  expect(deployed.properties('AWS::IAM::Role', 'BrokerForeign').AssumeRolePolicyDocument).toMatchObject({
    Statement: [{ Action: 'sts:AssumeRole', Principal: { AWS: `arn:aws:iam::${OTHER_ACCOUNT}:root` } }],
  });
  expect(await calls('BrokerForeign', 'POST /connections/onboarding/token')).toBe(true);
  expect(await calls('BrokerForeign', 'POST /connections/onboarding/consent/abc')).toBe(true);
  expect(await calls('BrokerForeign', 'DELETE /connections/onboarding/grants/default')).toBe(true);
  expect(await calls('BrokerForeign', 'GET /connections/onboarding')).toBe(false);
  expect(await calls('BrokerForeign', 'POST /connections/logs-jobs/token')).toBe(false);
});

test('a grant that could have no effect, or on no connection, is refused at synth', () => {
  const outsider = new ArnPrincipal(`arn:aws:iam::${OTHER_ACCOUNT}:role/job`);
  synthesize({
    extend: (broker) => {
      expect(() => broker.grantRead(outsider, 'logs-jobs')).toThrow(/callerRole/);
      expect(() => broker.grantToken(outsider, 'crash-symbols')).toThrow(OperatorError);
      expect(() => broker.grantToken(outsider, 'log-jobs')).toThrow('There is no connection "log-jobs"');
    },
  });
});
