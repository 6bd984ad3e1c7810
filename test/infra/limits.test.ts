import { NestedStack, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, test } from 'vitest';
import type { ConnectionsDocument } from '../../infra/connection-members.ts';
import { METRICS, METRICS_NAMESPACE } from '../../shared/contract/metrics.ts';
import { Deployed } from './deployed.ts';
import { mayFunction } from './simulate.ts';
import { everything, synthesize } from './synth.ts';

function many(count: number): ConnectionsDocument {
  const names = Array.from({ length: count }, (_, index) => `a-team-with-a-long-name-crash-symbols-${index}`);
  return {
    connections: Object.fromEntries(names.map((name) => [name, { vendor: 'bugsplat', scope: 'symbols' }])),
  };
}

const { template, stack } = synthesize({
  props: (own) => ({ ...everything(own), connections: many(1_000) }),
});
const deployed = new Deployed(template);

describe('a thousand connections, with everything switched on', () => {
  const nested = stack.node.findAll().filter((each): each is NestedStack => each instanceof NestedStack);
  const templates = [stack, ...nested].map((each) => Template.fromStack(each).toJSON());

  test('fit into what CloudFormation takes: 500 resources and a megabyte a template', () => {
    for (const each of templates) {
      expect(Object.keys(each.Resources).length).toBeLessThanOrEqual(500);
      expect(JSON.stringify(each).length).toBeLessThan(1_000_000);
      expect(Object.keys(each.Parameters ?? {}).length).toBeLessThanOrEqual(200);
    }
    expect(deployed.ofType('AWS::SecretsManager::Secret')).toHaveLength(1_001);
  });

  test('fit into what IAM takes, and no role reads what is not of the broker', async () => {
    for (const fn of ['Https', 'Refresh']) {
      const policies = deployed.policiesOf(deployed.role(`${fn}Role`));
      // 10,240 characters of inline policies a role, 6,144 a managed policy, ten of those a role.
      for (const { name, policy } of policies) {
        const limit = deployed.resources[name]!.Type === 'AWS::IAM::Policy' ? 10_240 : 6_144;
        expect(JSON.stringify(policy).length).toBeLessThan(limit);
      }
      expect(policies.length).toBeLessThanOrEqual(11);
      const reads = (secret: string) =>
        mayFunction(deployed, fn, {
          action: 'secretsmanager:GetSecretValue',
          resource: deployed.secretArn(secret),
        });
      expect(await reads('prod-token-broker/a-team-with-a-long-name-crash-symbols-999')).toBe(true);
      expect(await reads('token-broker/a-team-with-a-long-name-crash-symbols-999')).toBe(false);
      expect(await reads('team/bipsync')).toBe(false);
    }
  });

  test('make one request to the function that moves aliases, of a size that Lambda takes', () => {
    const { Connections } = deployed.properties('Custom::InvokeAliases', 'Aliases');
    expect(Object.keys(Connections as object)).toHaveLength(1_000);
    // Twice, as an update holds the old ones too.
    expect(2 * JSON.stringify(Connections).length).toBeLessThan(256 * 1024);
  });
});

test('a secret stays in its stack whatever comes or goes beside it', () => {
  const stackOf = (count: number) => {
    const { stack: root } = synthesize({ props: () => ({ connections: many(count) }) });
    const secrets = root.node.findAll().filter((each) => each instanceof CfnSecret);
    return new Map(secrets.map((secret) => [secret.node.id, Stack.of(secret).node.path]));
  };
  const [few, more] = [stackOf(20), stackOf(40)];
  expect([...few].filter(([id, path]) => more.get(id) !== path)).toEqual([]);
  expect(few.size).toBe(21);
});

test('every metric that the functions write is on the dashboard', () => {
  const dashboard = JSON.stringify(deployed.properties('AWS::CloudWatch::Dashboard', 'Dashboard'));
  const names = Object.values(METRICS).map(({ name }) => name);
  expect(names.filter((name) => !dashboard.includes(`\\"${METRICS_NAMESPACE}\\",\\"${name}\\"`))).toEqual([]);
});

test('the dashboard is as large for a thousand connections as for one: they are told apart in the logs', () => {
  const dashboard = JSON.stringify(deployed.properties('AWS::CloudWatch::Dashboard', 'Dashboard'));
  expect(dashboard).not.toContain('crash-symbols');
  expect(dashboard).toContain('by event.connection');
});
