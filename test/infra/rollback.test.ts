/** A first deployment that fails half-way must leave nothing behind that its next try runs into. */
import { Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { Deployed } from './deployed.ts';
import { everything, synthesize } from './synth.ts';

const views = {
  'the default deployment': new Deployed(Template.fromStack(synthesize().stack)),
  'a deployment with everything switched on': new Deployed(
    Template.fromStack(synthesize({ props: everything }).stack),
  ),
};

test.each(Object.entries(views))(
  '%s takes along what it kept, when its creation is rolled back',
  (_, deployed) => {
    const kept = Object.entries(deployed.resources).filter(([, { DeletionPolicy }]) =>
      DeletionPolicy?.startsWith('Retain'),
    );
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.filter(([, { DeletionPolicy }]) => DeletionPolicy !== 'RetainExceptOnCreate')).toEqual([]);
  },
);

test.each(Object.entries(views))(
  '%s makes the table that cannot be deleted once all is there that could fail, and only sweeps after it',
  (_, deployed) => {
    const table = deployed.id('AWS::DynamoDB::Table', 'Grants');
    expect(deployed.resources[table]!.Properties.DeletionProtectionEnabled).toBe(true);
    const before = madeBefore(deployed, table);
    const after = Object.keys(deployed.resources).filter((id) => id !== table && !before.has(id));
    expect(after.filter((id) => !deployed.resources[id]!.Type.startsWith('AWS::Scheduler::'))).toEqual(
      after.filter((id) => id.includes('SweepsRole')),
    );
    for (const [id] of deployed.ofType('AWS::Scheduler::Schedule')) {
      expect(madeBefore(deployed, id)).toContain(table);
    }
  },
);

/** What CloudFormation waits for before it makes a resource: references and dependencies, theirs included. */
function madeBefore(deployed: Deployed, id: string, seen = new Set<string>()): Set<string> {
  const { Properties, DependsOn = [] } = deployed.resources[id]!;
  const text = JSON.stringify(Properties ?? {});
  const references = [...text.matchAll(/"(?:Ref|Fn::GetAtt)":(?:\["|")([A-Za-z0-9]+)"/g)].map(
    ([, name]) => name!,
  );
  const substituted = [...text.matchAll(/\$\{([A-Za-z0-9]+)[.}]/g)].map(([, name]) => name!);
  for (const name of [...references, ...substituted, ...[DependsOn].flat()]) {
    if (!deployed.resources[name] || seen.has(name)) continue;
    seen.add(name);
    madeBefore(deployed, name, seen);
  }
  return seen;
}
