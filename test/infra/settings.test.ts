import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { afterAll, describe, expect, test } from 'vitest';
import { settingsOf } from '../../infra/settings.ts';
import { TokenBrokerStack } from '../../infra/stack.ts';
import { Deployed } from './deployed.ts';
import { ACCOUNT, CONNECTIONS, REGION, synthesize } from './synth.ts';

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
  const deployed = new Deployed(Template.fromStack(new TokenBrokerStack(app, 'TokenBroker')));

  test('the key, the keyring, the grants table and secrets by name', () => {
    expect(deployed.ofType('AWS::KMS::Key')).toEqual([]);
    const secrets = deployed
      .ofType('AWS::SecretsManager::Secret')
      .map(([, { Properties }]) => Properties.Name);
    expect(secrets).toEqual(['token-broker/logs-portal', 'team/bipsync', 'token-broker/onboarding']);
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

test('an existing secret that no connection uses is refused: it would be a misspelt one', () => {
  expect(() => synthesize({ props: () => ({ existingSecrets: ['token-broker/logs-job'] }) })).toThrow(
    /token-broker\/logs-job, which no connection uses. They use: .*token-broker\/logs-jobs/,
  );
});
