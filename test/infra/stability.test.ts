import type { Template } from 'aws-cdk-lib/assertions';
import { CURRENTLY_RECOMMENDED_FLAGS } from 'aws-cdk-lib/cx-api';
import { describe, expect, test } from 'vitest';
import type { ConnectionsDocument } from '../../infra/connection-members.ts';
import { Deployed, type PolicyDocument } from './deployed.ts';
import { CONNECTIONS, everything, synthesize } from './synth.ts';

/** What holds something that cannot be had again, or has an address that somebody wrote down. */
const STATEFUL = [
  'AWS::DynamoDB::Table',
  'AWS::KMS::Key',
  'AWS::SecretsManager::Secret',
  'AWS::ApiGatewayV2::Api',
  'AWS::EC2::EIP',
];
/** Properties whose change makes CloudFormation put a new resource in the old one's place. */
const REPLACING = [
  'TableName',
  'KeySchema',
  'AttributeDefinitions',
  'Name',
  'GenerateSecretString',
  'ProtocolType',
  'KeyUsage',
  'Domain',
];

const { template: before } = synthesize();

function stateful(template: Template): Map<string, string> {
  const resources = Object.entries(new Deployed(template).resources).filter(([, { Type }]) =>
    STATEFUL.includes(Type),
  );
  return new Map(
    resources.map(([id, { Properties }]) => [
      id,
      JSON.stringify(Object.entries(Properties).filter(([name]) => REPLACING.includes(name))),
    ]),
  );
}

function withConnections(change: (connections: Record<string, Record<string, unknown>>) => void): Template {
  const document: ConnectionsDocument = structuredClone(CONNECTIONS);
  change(document.connections as unknown as Record<string, Record<string, unknown>>);
  return synthesize({ props: () => ({ connections: document }) }).template;
}

/** Stateful resources that are gone or would be replaced. */
function disturbed(after: Template): string[] {
  const now = stateful(after);
  return [...stateful(before)].filter(([id, properties]) => now.get(id) !== properties).map(([id]) => id);
}

describe('nothing that holds state is replaced when', () => {
  test('a connection is added before all others', () => {
    const after = withConnections((connections) => {
      const rest = { ...connections };
      for (const name of Object.keys(connections)) delete connections[name];
      Object.assign(connections, { first: { vendor: 'bits', scope: 'application' } }, rest);
    });
    expect(disturbed(after)).toEqual([]);
  });

  test('a connection with a named secret is given another name', () => {
    const after = withConnections((connections) => {
      connections.crashes = connections['crash-symbols']!;
      delete connections['crash-symbols'];
    });
    expect(disturbed(after)).toEqual([]);
  });

  test('a connection is removed: its secret alone leaves the stack, and is retained', () => {
    const after = withConnections((connections) => {
      delete connections.onboarding;
    });
    expect(disturbed(after)).toEqual([expect.stringMatching(/^Secrettokenbrokeronboarding/)]);
  });

  test('everything but the stage and the domain is switched on', () => {
    const { template } = synthesize({
      props: (stack) => {
        const { stage: _, ...rest } = everything(stack);
        return { ...rest, tracing: false, memorySize: 1024 };
      },
    });
    expect(disturbed(template)).toEqual([]);
  });

  test("CDK's feature flags are all set to their recommended values", () => {
    const { template } = synthesize({ context: CURRENTLY_RECOMMENDED_FLAGS });
    expect(disturbed(template)).toEqual([]);
  });
});

test('a stage renames everything that has a fixed name, and moves no logical id', () => {
  const { template } = synthesize({ props: () => ({ stage: 'prod' }) });
  const [plain, staged] = [stateful(before), stateful(template)];
  expect([...staged.keys()]).toEqual([...plain.keys()]);
  const names = fixedNames(new Deployed(template));
  expect(names.filter((name) => !/^\/?prod-/.test(name))).toEqual([]);
  expect(names.map((name) => name.replace('prod-', ''))).toEqual(fixedNames(new Deployed(before)));
});

/** Where a name stands that must be unique in an account and Region. */
const FIXED_NAME: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
  'AWS::SSM::Parameter': 'Name',
};
const PHYSICAL_NAME: Readonly<Record<string, string>> = {
  ...FIXED_NAME,
  'AWS::Lambda::Alias': 'Name',
  'AWS::CloudWatch::CompositeAlarm': 'AlarmName',
  'AWS::Scheduler::ScheduleGroup': 'Name',
};

function fixedNames(deployed: Deployed): string[] {
  return Object.values(deployed.resources).flatMap(({ Type, Properties }) => {
    const name = Properties?.[FIXED_NAME[Type] ?? ''];
    return name === undefined ? [] : [String(deployed.resolve(name))];
  });
}

test('every resource keeps its identity, and every policy is one that was reviewed', () => {
  const deployed = new Deployed(before);
  const resources = Object.entries(deployed.resources).map(([id, { Type, Properties }]) => {
    const name =
      Properties[PHYSICAL_NAME[Type] ?? ''] === undefined ? '' : ` ${Properties[PHYSICAL_NAME[Type]!]}`;
    // CDK ends the id of a function's version in a digest of all that the function is.
    const identity = `${Type === 'AWS::Lambda::Version' ? id.slice(0, -32) : id} ${Type}${name}`;
    const permissions = Type === 'AWS::Lambda::Permission' ? [Properties] : statementsOf(Properties);
    return [identity, ...permissions.map((each) => `  ${JSON.stringify(deployed.resolve(each))}`)].join('\n');
  });
  expect(resources.toSorted().join('\n')).toMatchSnapshot();
});

/** Of every policy document among the properties of a resource. */
function statementsOf(properties: object): readonly object[] {
  const documents = Object.values(properties) as (Partial<PolicyDocument> | null)[];
  return documents.flatMap((document) => document?.Statement ?? []);
}
