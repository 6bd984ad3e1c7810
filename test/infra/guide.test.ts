import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { costTable, FIXED, monthlyCost } from '../../infra/cost.ts';
import { Deployed } from './deployed.ts';
import { decide } from './simulate.ts';
import { ACCOUNT, REGION, synthesize } from './synth.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const guide = read('../../infra/README.md');
const block = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(guide)?.[1] ?? '';

const names = Array.from({ length: 10 }, (_, index) => `connection-${index}`);
const connections = Object.fromEntries(names.map((name) => [name, { vendor: 'bits', scope: 'application' }]));
let deployed: Deployed;
beforeAll(() => {
  deployed = new Deployed(synthesize({ props: () => ({ connections: { connections } }) }).template);
});

describe('the cost', () => {
  test('in the guide is what the script prints', () => {
    // The formatter pads the guide's tables.
    const plain = (text: string) =>
      text
        .replace(/ +/g, ' ')
        .replace(/[-:]{3,}/g, '-')
        .replace(/ ?\| ?/g, '|');
    expect(plain(guide)).toContain(plain(costTable()));
  });

  test('counts what the template of ten connections has', () => {
    const alarms = deployed.ofType('AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
    const watched = alarms.map(({ Metrics }) =>
      Metrics ? (Metrics as object[]).filter((metric) => 'MetricStat' in metric).length : 1,
    );
    expect({
      secrets: deployed.ofType('AWS::SecretsManager::Secret').length,
      keys: deployed.ofType('AWS::KMS::Key').length,
      alarmMetrics: watched.reduce((sum, count) => sum + count, 0),
      compositeAlarms: deployed.ofType('AWS::CloudWatch::CompositeAlarm').length,
    }).toEqual(FIXED);
  });

  test('rises with requests, and is mostly idle where there are few', () => {
    const [few, many] = [monthlyCost(1e4), monthlyCost(1e8)];
    expect(few.idle / few.total).toBeGreaterThan(0.9);
    expect(many.total).toBeGreaterThan(few.total);
  });
});

test('the TypeScript of the guide is type-checked, and synthesizes', async () => {
  const snippet = /\/\/ <snippet>\n\n(.*)\/\/ <\/snippet>/s.exec(read('guide-snippets.ts'))?.[1];
  expect(block('ts')).toBe(snippet);
  process.env.CDK_OUTDIR = synthesize().app.outdir;
  process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:bundling-stacks': [] });
  const { synthesized } = await import('./guide-snippets.ts');
  expect(synthesized.synth().stacks.map(({ stackName }) => stackName)).toEqual(['Tokens']);
});

test('every alarm is in the guide', () => {
  const alarms = [
    ...deployed.ofType('AWS::CloudWatch::Alarm'),
    ...deployed.ofType('AWS::CloudWatch::CompositeAlarm'),
  ]
    .map(([id]) => id.replace(/^BrokerAlarms/, '').replace(/[0-9A-F]{8}$/, ''))
    .filter((name) => !name.startsWith('BurnRate'));
  expect(alarms.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
});

describe('the service control policy of the guide', () => {
  const scp = JSON.parse(block('json'));
  const everything = {
    name: 'all',
    policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  };
  const may = (principal: string, action: string, fn: string) =>
    decide(
      `arn:aws:iam::${ACCOUNT}:role/${principal}`,
      [everything],
      { action, resource: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${fn}` },
      [{ name: 'scp', policy: scp }],
    );

  test('keeps administrators from the function that believes its event', async () => {
    for (const fn of ['token-broker-https', 'token-broker-https:live', 'prod-token-broker-https']) {
      expect(await may('admin', 'lambda:InvokeFunction', fn)).toBe(false);
      expect(await may('admin', 'lambda:AddPermission', fn)).toBe(false);
    }
  });

  test('leaves direct invokes and deployments alone', async () => {
    expect(await may('job', 'lambda:InvokeFunction', 'token-broker-invoke:logs-jobs')).toBe(true);
    const deployer = `cdk-hnb659fds-cfn-exec-role-${ACCOUNT}-${REGION}`;
    expect(await may(deployer, 'lambda:AddPermission', 'token-broker-https')).toBe(true);
  });
});
