import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CURRENTLY_RECOMMENDED_FLAGS } from 'aws-cdk-lib/cx-api';
import { afterAll, describe, expect, test } from 'vitest';
import { settingsOf } from '../../infra/settings.ts';
import { TokenBrokerStack } from '../../infra/stack.ts';
import { Deployed } from './deployed.ts';
import { ACCOUNT, CONNECTIONS, REGION, synthesize, whole } from './synth.ts';

const folder = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const settings = (context: Record<string, unknown>) =>
  settingsOf(new Stack(new App({ context, outdir: folder }), 'x'));

test('without any setting the connections are the file in infra/, and the construct decides the rest', () => {
  expect(settings({})).toEqual({ connections: 'infra/connections.json' });
});

test('settings come as text from the command line, or as JSON from cdk.json', () => {
  const expected = { shards: 4, tracing: false, egress: 'static-ip', logRetention: RetentionDays.ONE_YEAR };
  const text = { shards: '4', tracing: 'false', egress: 'static-ip', 'log-retention-days': '365' };
  expect(settings(text)).toMatchObject(expected);
  expect(settings({ ...text, shards: 4, tracing: false, 'log-retention-days': 365 })).toMatchObject(expected);
  expect(settings({ 'existing-secrets': 'a,b' })).toMatchObject({ existingSecrets: ['a', 'b'] });
});

test.each([
  [{ egress: 'vpn' }, 'egress=vpn is not allowed: public, static-ip'],
  [{ shards: '0' }, 'shards=0 is not allowed: a whole number above 0'],
  [{ memory: '1GB' }, 'memory=1GB is not allowed'],
  [{ tracing: 'yes' }, 'tracing=yes is not allowed: true, false'],
  [{ 'log-retention-days': '8' }, 'log-retention-days=8 is not allowed: 1, 3, 5, 7, 14'],
  [{ domain: 'tokens.example.com' }, 'domain and certificate go together'],
  [{ 'rate-limit': '10' }, 'rate-limit and burst-limit go together'],
])('a setting that is wrong is named, with what is allowed: %j', (context, message) => {
  expect(() => settings(context)).toThrow(message);
});

test('everything that is wrong is told at once', () => {
  const told = () => settings({ stage: 'Prod', egress: 'vpn', key: '1234abcd', memory: '1GB', stag: 'prod' });
  expect(told).toThrow(
    [
      'The context value key=1234abcd is not allowed: an ARN.',
      'The context value stage=Prod is not allowed: 1 to 16 lower-case letters, digits and hyphens, a letter first.',
      'The context value egress=vpn is not allowed: public, static-ip.',
      'The context value memory=1GB is not allowed: a whole number above 0.',
      'There is no context value stag (did you mean "stage"?).',
    ].join('\n'),
  );
});

test("a name that nobody reads is refused, but for CDK's own", () => {
  expect(() => settings({ colour: 'blue' })).toThrow('There is no context value colour.');
  expect(settings({ '@aws-cdk/core:x': true, 'availability-zones:account=1': [] })).toEqual(settings({}));
});

describe("the program's stack", () => {
  const stack = (context: Record<string, unknown>) => {
    const bundling = { 'aws:cdk:bundling-stacks': [] };
    return new TokenBrokerStack(new App({ context: { ...context, ...bundling }, outdir: folder }), 'x');
  };

  test('is named by its stage, and cannot be deleted by a slip', () => {
    expect(stack({ stage: 'prod' })).toMatchObject({
      stackName: 'prod-token-broker',
      terminationProtection: true,
    });
    expect(stack({ 'termination-protection': 'false' })).toMatchObject({
      stackName: 'token-broker',
      terminationProtection: false,
    });
  });

  test('tells a stage that is not allowed together with the rest', () => {
    expect(() => stack({ stage: 'PROD', egress: 'vpn' })).toThrow(/stage=PROD .*\n.*egress=vpn/);
  });
});

test("CDK's feature flags are all set to their recommended values", () => {
  const { context } = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));
  expect(context).toEqual(CURRENTLY_RECOMMENDED_FLAGS);
});

describe('what exists already is used and not made', () => {
  const keyring = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:kept/keyring-AbCdEf`;
  const key = `arn:aws:kms:${REGION}:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
  const connections = join(folder, 'connections.json');
  writeFileSync(connections, JSON.stringify(CONNECTIONS));
  const app = new App({
    outdir: join(folder, 'cdk.out'),
    context: {
      'aws:cdk:bundling-stacks': [],
      connections,
      key,
      keyring,
      'grants-table': 'restored',
      'existing-secrets': 'token-broker/bugsplat-symbols,token-broker/logs-jobs',
      'permissions-boundary': `arn:aws:iam::${ACCOUNT}:policy/boundary`,
    },
  });
  const deployed = new Deployed(whole(new TokenBrokerStack(app, 'TokenBroker')));

  test('the key, the keyring, the grants table and secrets by name', () => {
    expect(deployed.ofType('AWS::KMS::Key')).toEqual([]);
    const secrets = deployed
      .ofType('AWS::SecretsManager::Secret')
      .map(([, { Properties }]) => Properties.Name);
    expect(secrets.toSorted()).toEqual(['token-broker/logs-portal', 'token-broker/onboarding']);
    const tables = deployed.ofType('AWS::DynamoDB::Table').map(([, { Properties }]) => Properties.TableName);
    expect(tables).toEqual(['token-broker-tokens']);
  });

  test('the functions are told of them, and may use them', () => {
    const { Environment } = deployed.properties('AWS::Lambda::Function', 'Refresh');
    expect(Environment).toMatchObject({ Variables: { GRANTS_TABLE: 'restored', KEYRING_SECRET: keyring } });
    const policies = JSON.stringify(deployed.policiesOf(deployed.role('RefreshRole')));
    for (const arn of [key, keyring, `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/restored/index/due`]) {
      expect(policies).toContain(`"${arn}"`);
    }
  });

  test('and every role has the boundary', () => {
    const roles = deployed
      .ofType('AWS::IAM::Role')
      .map(([, { Properties }]) => Properties.PermissionsBoundary);
    expect(new Set(roles)).toEqual(new Set([`arn:aws:iam::${ACCOUNT}:policy/boundary`]));
  });
});

test('an existing secret that would not be made is refused: it would be a misspelt one', () => {
  expect(() => synthesize({ props: () => ({ existingSecrets: ['token-broker/logs-job'] }) })).toThrow(
    /token-broker\/logs-job, which are not secrets that the stack would make. It makes: .*token-broker\/logs-jobs/,
  );
});
