import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { costTable, FIXED, monthlyCost } from '../../infra/cost.ts';
import { pageText, ROOT, snippets } from '../support/pages.ts';
import { Deployed } from './deployed.ts';
import { decide } from './simulate.ts';
import { ACCOUNT, REGION, synthesize } from './synth.ts';

const guide = pageText('infra/README.md');

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

test('the TypeScript of the guide synthesizes, run as the CDK runs an app', async () => {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  // Inside the project, so that packages resolve, its own included.
  const folder = mkdtempSync(join(ROOT, 'dist/guide-'));
  try {
    writeFileSync(join(folder, 'app.ts'), snippets('infra/README.md', 'ts')[0] ?? '');
    await promisify(execFile)(process.execPath, [join(folder, 'app.ts')], {
      cwd: ROOT,
      env: {
        ...process.env,
        CDK_OUTDIR: join(folder, 'cdk.out'),
        CDK_CONTEXT_JSON: JSON.stringify({ 'aws:cdk:bundling-stacks': [] }),
      },
    });
    expect(readdirSync(join(folder, 'cdk.out'))).toContain('Tokens.template.json');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('every alarm is in the guide', () => {
  const alarms = deployed
    .ofType('AWS::CloudWatch::Alarm')
    .map(([id]) => id.replace(/^BrokerAlarms/, '').replace(/[0-9A-F]{8}$/, ''));
  expect(alarms.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
});

describe('the service control policy of the guide', () => {
  const scp = JSON.parse(snippets('infra/README.md', 'json')[0] ?? '');
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
