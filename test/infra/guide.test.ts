import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { costTables, DEPLOYMENTS, resourcesOfTen, standingCost, usageCost } from '../../infra/cost.ts';
import { pageText, ROOT, snippets } from '../support/pages.ts';
import { Deployed } from './deployed.ts';
import { decide } from './simulate.ts';
import { ACCOUNT, everything, REGION, synthesize } from './synth.ts';

const guide = pageText('infra/README.md');

const names = Array.from({ length: 10 }, (_, index) => `connection-${index}`);
const connections = Object.fromEntries(names.map((name) => [name, { vendor: 'bits', scope: 'application' }]));
let deployed: Deployed;
beforeAll(() => {
  deployed = new Deployed(
    synthesize({ props: () => ({ alarms: 'all', connections: { connections } }) }).template,
  );
});

describe('the cost', () => {
  test('in the guide is what the script prints', () => {
    // The formatter pads the guide's tables.
    const plain = (text: string) =>
      text
        .replace(/ +/g, ' ')
        .replace(/[-:]{3,}/g, '-')
        .replace(/ ?\| ?/g, '|');
    expect(plain(guide)).toContain(plain(costTables()));
  });

  test('is known for every type of resource that may be deployed', () => {
    const all = synthesize({ props: (stack) => ({ ...everything(stack), alarms: 'all' }) }).template.toJSON();
    expect(standingCost(Object.values(all.Resources))).toBeGreaterThan(100);
    expect(() => standingCost([{ Type: 'AWS::EC2::Instance' }])).toThrow('no price for AWS::EC2::Instance');
  });

  test('of ten connections without a request is at most ten dollars, alarms and dashboard included', () => {
    const [[, told]] = Object.entries(DEPLOYMENTS) as [[string, object]];
    const resources = resourcesOfTen(told);
    const count = (type: string) => resources.filter(({ Type }) => Type === type).length;
    expect([count('AWS::SecretsManager::Secret'), count('AWS::CloudWatch::Dashboard')]).toEqual([11, 1]);
    expect(count('AWS::CloudWatch::Alarm')).toBeGreaterThan(10);
    expect(standingCost(resources)).toBeLessThanOrEqual(10);
  });

  test('of requests rises with their number', () => {
    expect(usageCost(1e8).serving).toBeGreaterThan(usageCost(1e6).serving * 50);
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
  const scp = JSON.parse(snippets('infra/README.md', 'json').find((text) => text.includes('Statement'))!);
  const everything = {
    name: 'all',
    policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  };
  const deployer = `cdk-hnb659fds-cfn-exec-role-${ACCOUNT}-${REGION}`;
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

  test.each(['https', 'invoke', 'callback', 'refresh', 'sealing-key'])(
    'keeps administrators from changing what the %s function runs',
    async (fn) => {
      for (const name of [`token-broker-${fn}`, `prod-token-broker-${fn}`]) {
        expect(await may('admin', 'lambda:UpdateFunctionCode', name)).toBe(false);
        expect(await may('admin', 'lambda:UpdateFunctionConfiguration', name)).toBe(false);
        expect(await may('admin', 'lambda:UpdateAlias', name)).toBe(fn === 'invoke');
        expect(await may(deployer, 'lambda:UpdateFunctionConfiguration', name)).toBe(true);
        expect(await may(deployer, 'lambda:UpdateAlias', name)).toBe(true);
      }
    },
  );

  test('leaves direct invokes and deployments alone', async () => {
    expect(await may('job', 'lambda:InvokeFunction', 'token-broker-invoke:logs-jobs')).toBe(true);
    expect(await may(deployer, 'lambda:AddPermission', 'token-broker-https')).toBe(true);
  });
});
