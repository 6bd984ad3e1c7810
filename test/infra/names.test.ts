/** Physical names that meet: of two stages, of two Regions, and of a deployment and what an earlier one has left. */
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { expect, test } from 'vitest';
import { Deployed, type Resource } from './deployed.ts';
import { ACCOUNT, everything, REGION, synthesize } from './synth.ts';

/**
 * What every property that is called like a name is: a name that is unique in an account, or in one Region of it;
 * a child's name, unique within its parent; or no physical name at all.
 */
const KINDS: Readonly<Record<string, 'account' | 'region' | 'child' | 'none'>> = {
  'AWS::CloudWatch::Dashboard.DashboardName': 'account',
  'AWS::DynamoDB::Table.TableName': 'region',
  'AWS::Lambda::Function.FunctionName': 'region',
  'AWS::Logs::LogGroup.LogGroupName': 'region',
  'AWS::Scheduler::ScheduleGroup.Name': 'region',
  'AWS::SecretsManager::Secret.Name': 'region',
  'AWS::SSM::Parameter.Name': 'region',
  'AWS::ApiGatewayV2::Stage.StageName': 'child',
  'AWS::IAM::Policy.PolicyName': 'child',
  'AWS::Lambda::Alias.Name': 'child',
  // A label: two APIs may have the same.
  'AWS::ApiGatewayV2::Api.Name': 'none',
  'AWS::CloudWatch::Alarm.MetricName': 'none',
  'AWS::CodeDeploy::DeploymentGroup.ApplicationName': 'none',
  'AWS::CodeDeploy::DeploymentGroup.DeploymentConfigName': 'none',
  'AWS::EC2::FlowLog.LogGroupName': 'none',
  'AWS::EC2::VPCEndpoint.ServiceName': 'none',
  'AWS::Lambda::Alias.FunctionName': 'none',
  'AWS::Lambda::EventInvokeConfig.FunctionName': 'none',
  'AWS::Lambda::Permission.FunctionName': 'none',
  'AWS::Lambda::Version.FunctionName': 'none',
  'AWS::Scheduler::Schedule.GroupName': 'none',
  'Custom::InvokeAliases.FunctionName': 'none',
};

const NEXT_STACK = {
  'AWS::StackId': `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/token-broker/22222222-2222-2222-2222-222222222222`,
};
const ELSEWHERE = { ...NEXT_STACK, 'AWS::Region': 'eu-west-1' };

/** Everything but the domain, whose name the operator chooses. */
const withStage = (stage?: string) =>
  synthesize({
    props: (stack) => {
      const { stage: _, domain: __, ...rest } = everything(stack);
      return { ...rest, ...(stage !== undefined && { stage }) };
    },
  }).template;
const plain = withStage();
const staged = withStage('prod');

interface Name {
  readonly kind: string;
  readonly name: string;
  readonly resource: Resource;
}

function namesOf(deployed: Deployed): Name[] {
  return Object.values(deployed.resources).flatMap((resource) =>
    Object.keys(resource.Properties ?? {})
      .filter((property) => /(^|[a-z])Name$/.test(property))
      .map((property) => ({
        kind: `${resource.Type}.${property}`,
        name: JSON.stringify(deployed.resolve(resource.Properties[property])),
        resource,
      })),
  );
}

/** Names that must not be met again: in the account, and in the Region if it is the same. */
function taken(names: readonly Name[], sameRegion: boolean): Set<string> {
  const unique = names.filter(
    ({ kind }) => KINDS[kind] === 'account' || (sameRegion && KINDS[kind] === 'region'),
  );
  return new Set(unique.map(({ kind, name }) => `${kind} ${name}`));
}

function meeting(
  one: readonly Name[],
  other: readonly Name[],
  { sameRegion }: { sameRegion: boolean },
): string[] {
  const names = taken(other, sameRegion);
  return [...taken(one, sameRegion)].filter((name) => names.has(name));
}

const first = namesOf(new Deployed(plain));

test('every property that is called like a name is known for what it is', () => {
  expect(first.length).toBeGreaterThan(30);
  const unknown = first.map(({ kind }) => kind).filter((kind) => KINDS[kind] === undefined);
  expect([...new Set(unknown)]).toEqual([]);
});

test('a deployment meets itself, so that the tests below can fail', () => {
  expect(meeting(first, first, { sameRegion: true }).length).toBeGreaterThan(15);
});

test('two stages in one Region have no name in common', () => {
  const second = namesOf(new Deployed(staged, NEXT_STACK));
  expect(meeting(first, second, { sameRegion: true })).toEqual([]);
});

test('nor have two Regions, of what is one for the whole account', () => {
  for (const view of [plain, staged]) {
    const here = namesOf(new Deployed(view));
    expect(meeting(here, namesOf(new Deployed(view, ELSEWHERE)), { sameRegion: false })).toEqual([]);
  }
});

const isKept = ({ resource }: Name) => resource.DeletionPolicy?.startsWith('Retain') === true;

test('a deployment that is told what an earlier one has left makes nothing of that again', () => {
  const kept = first.filter(isKept);
  const ownSecrets = kept
    .map(({ name }) => JSON.parse(name))
    .filter((name) => name.startsWith('token-broker/'));
  const again = synthesize({
    props: (stack) => {
      const { stage: _, domain: __, ...rest } = everything(stack);
      return {
        ...rest,
        existingSecrets: ownSecrets,
        grantsTable: Table.fromTableName(stack, 'Kept', 'token-broker-grants'),
        keyring: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:token-broker-internal/sealing-keyring-AbCdEf`,
        key: Key.fromKeyArn(
          stack,
          'KeptKey',
          `arn:aws:kms:${REGION}:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
        ),
      };
    },
  }).template;
  expect(kept.length).toBeGreaterThan(5);
  expect(meeting(kept, namesOf(new Deployed(again, NEXT_STACK)), { sameRegion: true })).toEqual([]);
});
