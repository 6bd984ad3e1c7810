import { expect, test } from 'vitest';
import type { ConnectionsDocument } from '../../infra/connections-file.ts';
import { METRICS, METRICS_NAMESPACE } from '../../shared/contract/metrics.ts';
import { Deployed } from './deployed.ts';
import { everything, synthesize } from './synth.ts';

function many(count: number): ConnectionsDocument {
  const names = Array.from({ length: count }, (_, index) => `a-team-with-a-long-name-crash-symbols-${index}`);
  return {
    connections: Object.fromEntries(names.map((name) => [name, { vendor: 'bugsplat', scope: 'symbols' }])),
  };
}

const { template } = synthesize({ props: (stack) => ({ ...everything(stack), connections: many(100) }) });
const deployed = new Deployed(template);

test('a hundred connections fit, with everything switched on', () => {
  expect(Object.keys(deployed.resources).length).toBeLessThanOrEqual(500);
  for (const role of ['HttpsRole', 'RefreshRole'].map((part) => deployed.role(part))) {
    const policies = deployed.policiesOf(role);
    // IAM's limits: 10,240 characters of inline policies a role, 6,144 a managed policy, ten of those a role.
    for (const { name, policy } of policies) {
      const limit = deployed.resources[name]!.Type === 'AWS::IAM::Policy' ? 10_240 : 6_144;
      expect(JSON.stringify(policy).length).toBeLessThan(limit);
    }
    expect(policies.length).toBeLessThanOrEqual(11);
  }
});

test('every metric that the functions write is on the dashboard', () => {
  const dashboard = JSON.stringify(deployed.properties('AWS::CloudWatch::Dashboard', 'Dashboard'));
  const names = Object.values(METRICS).map(({ name }) => name);
  expect(names.filter((name) => !dashboard.includes(`\\"${METRICS_NAMESPACE}\\",\\"${name}\\"`))).toEqual([]);
});

test('a hundred connections do not make a hundred metrics each', () => {
  const dashboard = JSON.stringify(deployed.properties('AWS::CloudWatch::Dashboard', 'Dashboard'));
  const told = new Set([...dashboard.matchAll(/crash-symbols-\d+/g)].map(([name]) => name));
  expect(told.size).toBe(10);
  expect(dashboard).toContain('other');
});
