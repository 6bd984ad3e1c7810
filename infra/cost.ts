/**
 * What a deployment costs a month: `node infra/cost.ts` prints the tables of the operator's guide.
 *
 * What is there is taken from the synthesized templates, what is done from counted operations (a test compares them
 * with what the synthesized functions do). Prices are AWS's list prices for us-east-1 without free tiers, as known in
 * mid-2025. Data transfer, support and taxes are left out.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import type { TokenBrokerProps } from './props.ts';
import { TokenBroker } from './token-broker.ts';

/** Dollars. */
export const PRICES = {
  apiRequest: 1.0 / 1e6,
  lambdaRequest: 0.2 / 1e6,
  lambdaGigabyteSecond: 0.0000133334,
  warmGigabyteSecond: 0.0000033334,
  tableReadUnit: 0.125 / 1e6,
  tableWriteUnit: 0.625 / 1e6,
  secretMonth: 0.4,
  secretCall: 0.05 / 1e4,
  keyMonth: 1.0,
  keyCall: 0.03 / 1e4,
  logGigabyte: 0.5,
  metricMonth: 0.3,
  alarmMetricMonth: 0.1,
  compositeAlarmMonth: 0.5,
  dashboardMonth: 3.0,
  schedule: 1.0 / 1e6,
  natHour: 0.045,
  addressHour: 0.005,
  endpointHour: 0.01,
};

/** A month, as AWS bills it. */
export const HOURS = 730;
export const MEMORY_GIGABYTES = 0.5;

/**
 * Counted: DynamoDB items (each below 4 KB to read and 2 KB to write), and bytes that the function logs at most.
 */
export const OPERATIONS = {
  memory: { reads: 0, writes: 0, logBytes: 1_100 },
  table: { reads: 1, writes: 0, logBytes: 1_100 },
  mint: { reads: 2, writes: 3, logBytes: 1_850 },
} as const;

/** Assumed, and named in the guide. */
const ASSUMED = {
  connections: 10,
  /** Tokens live for an hour, so this is how often each connection mints. */
  mints: 10 * HOURS,
  /** Of the rest, answered from a process's memory. */
  fromMemory: 0.9,
  /** Billed seconds. */
  seconds: { memory: 0.005, table: 0.02, mint: 0.5, sweep: 0.05 },
  /** Of Lambda's own lines about an invocation, and of a line of the access log. */
  invocationBytes: 350,
  accessBytes: 500,
  sweepBytes: 800,
  /** Execution environments on average, each reading the keyring every five minutes. */
  environments: (requests: number) => Math.max(1, requests / 2e7),
  /** Metrics written in every hour in which there are requests: all of them, three sources, three error codes. */
  metrics: 7,
};

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
type Properties = NonNullable<Resource['Properties']>;

/** A month of a resource that costs something by being there. */
const STANDING: Readonly<Record<string, (properties: Properties) => number>> = {
  'AWS::SecretsManager::Secret': () => PRICES.secretMonth,
  'AWS::KMS::Key': () => PRICES.keyMonth,
  'AWS::CloudWatch::Alarm': ({ Metrics }) => PRICES.alarmMetricMonth * metricsOf(Metrics),
  'AWS::CloudWatch::CompositeAlarm': () => PRICES.compositeAlarmMonth,
  'AWS::CloudWatch::Dashboard': () => PRICES.dashboardMonth,
  'AWS::EC2::NatGateway': () => PRICES.natHour * HOURS,
  'AWS::EC2::EIP': () => PRICES.addressHour * HOURS,
  'AWS::EC2::VPCEndpoint': ({ VpcEndpointType, SubnetIds }) =>
    VpcEndpointType === 'Interface' ? PRICES.endpointHour * HOURS * (SubnetIds as unknown[]).length : 0,
  'AWS::Lambda::Version': ({ ProvisionedConcurrencyConfig }) => {
    const config = ProvisionedConcurrencyConfig as { ProvisionedConcurrentExecutions: number } | undefined;
    const warm = (config?.ProvisionedConcurrentExecutions ?? 0) * MEMORY_GIGABYTES;
    return warm * HOURS * 3600 * PRICES.warmGigabyteSecond;
  },
  /** With the sweep that it starts every minute, which finds nothing. */
  'AWS::Scheduler::Schedule': () => {
    const compute = ASSUMED.seconds.sweep * MEMORY_GIGABYTES * PRICES.lambdaGigabyteSecond;
    const calls = PRICES.schedule + PRICES.lambdaRequest + PRICES.tableReadUnit;
    return HOURS * 60 * (calls + compute + logs(ASSUMED.invocationBytes + ASSUMED.sweepBytes));
  },
};

/** Types that cost nothing, or only as they are used. */
const FREE = new Set(
  [
    'ApiGatewayV2::Api ApiGatewayV2::ApiMapping ApiGatewayV2::DomainName ApiGatewayV2::Integration',
    'ApiGatewayV2::Route ApiGatewayV2::Stage CloudFormation::Stack CodeDeploy::Application',
    'CodeDeploy::DeploymentGroup DynamoDB::Table',
    'EC2::FlowLog EC2::InternetGateway EC2::Route EC2::RouteTable EC2::SecurityGroup EC2::SecurityGroupIngress',
    'EC2::Subnet EC2::SubnetRouteTableAssociation EC2::VPC EC2::VPCGatewayAttachment',
    'IAM::ManagedPolicy IAM::Policy IAM::Role',
    'KMS::Alias Lambda::Alias Lambda::EventInvokeConfig Lambda::Function Lambda::Permission Logs::LogGroup',
    'Route53::RecordSet Scheduler::ScheduleGroup SecretsManager::ResourcePolicy SecretsManager::RotationSchedule',
    'SNS::Subscription SNS::Topic SNS::TopicPolicy SQS::Queue SQS::QueuePolicy SSM::Parameter CDK::Metadata',
  ].flatMap((line) => line.split(' ').map((type) => `AWS::${type}`)),
);

/** @throws RangeError naming a resource type that has no price here */
export function standingCost(resources: readonly Resource[]): number {
  return resources.reduce((sum, { Type, Properties = {} }) => sum + priceOf(Type)(Properties), 0);
}

function priceOf(type: string): (properties: Properties) => number {
  const price = STANDING[type];
  if (price) return price;
  if (FREE.has(type) || type.startsWith('Custom::')) return () => 0;
  throw new RangeError(`There is no price for ${type}.`);
}

/** CloudWatch bills an alarm by the metrics that its expression reads. */
function metricsOf(metrics: unknown): number {
  return Array.isArray(metrics) ? metrics.filter((metric) => 'MetricStat' in metric).length : 1;
}

function logs(bytes: number): number {
  return (bytes / 1e9) * PRICES.logGigabyte;
}

export interface Usage {
  /** API Gateway and Lambda. */
  readonly serving: number;
  /** Tables, secrets and key. */
  readonly stores: number;
  readonly logs: number;
  readonly metrics: number;
}

/** @param requests token requests over HTTPS in a month */
export function usageCost(requests: number): Usage {
  const mint = Math.min(ASSUMED.mints, requests);
  const memory = (requests - mint) * ASSUMED.fromMemory;
  const counts = { memory, table: requests - mint - memory, mint };
  const total = (of: (kind: keyof typeof counts) => number) =>
    counts.memory * of('memory') + counts.table * of('table') + counts.mint * of('mint');
  const compute = total((kind) => ASSUMED.seconds[kind]) * MEMORY_GIGABYTES;
  const secretReads = mint + ASSUMED.environments(requests) * HOURS * 12;
  return {
    serving: requests * (PRICES.apiRequest + PRICES.lambdaRequest) + compute * PRICES.lambdaGigabyteSecond,
    stores:
      total((kind) => OPERATIONS[kind].reads) * PRICES.tableReadUnit +
      // Two units: sealed items are larger than one kilobyte.
      total((kind) => OPERATIONS[kind].writes) * 2 * PRICES.tableWriteUnit +
      secretReads * (PRICES.secretCall + PRICES.keyCall),
    logs: logs(
      total((kind) => OPERATIONS[kind].logBytes) + requests * (ASSUMED.invocationBytes + ASSUMED.accessBytes),
    ),
    metrics: ASSUMED.metrics * PRICES.metricMonth,
  };
}

/** The resources of a deployment of ten connections with secrets of their own, nested stacks included. */
export function resourcesOfTen(props: Partial<TokenBrokerProps> = {}): Resource[] {
  const outdir = mkdtempSync(join(tmpdir(), 'cost-'));
  try {
    const app = new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] } });
    const names = Array.from({ length: ASSUMED.connections }, (_, index) => `connection-${index}`);
    const connections = names.map((name) => [name, { vendor: 'bits', scope: 'application' }]);
    new TokenBroker(new Stack(app, 'TokenBroker'), 'Broker', {
      connections: { connections: Object.fromEntries(connections) },
      ...props,
    });
    app.synth();
    const templates = readdirSync(outdir).filter((file) => file.endsWith('.template.json'));
    return templates.flatMap((file) =>
      Object.values<Resource>(JSON.parse(readFileSync(join(outdir, file), 'utf8')).Resources ?? {}),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

const told = { alarmEmail: 'oncall@example.com' };
/** What may be switched on, and what is there without a single request. */
export const DEPLOYMENTS: Readonly<Record<string, Partial<TokenBrokerProps>>> = {
  'as it comes, with `alarm-email`': told,
  'without `alarm-email`, hence without alarms': {},
  'with `alarms=all`': { ...told, alarms: 'all' },
  'with `dashboard=false`': { ...told, dashboard: false },
  'with `egress=static-ip` (and $0.045 a gigabyte)': { ...told, egress: 'static-ip' },
};

/** Markdown. */
export function costTables(): string {
  const dollars = (amount: number) => `$${amount.toFixed(2)}`;
  const idle = standingCost(resourcesOfTen(told));
  const used = [1e4, 1e6, 1e8].map((requests) => {
    const { serving, stores, logs, metrics } = usageCost(requests);
    const cells = [serving, stores, logs, metrics, idle, serving + stores + logs + metrics + idle].map(
      dollars,
    );
    return `| ${requests.toLocaleString('en-US')} | ${cells.join(' | ')} |`;
  });
  const standing = Object.entries(DEPLOYMENTS).map(([name, props]) => {
    const resources = resourcesOfTen(props);
    return `| ${name} | ${resources.length} | ${dollars(standingCost(resources))} |`;
  });
  return [
    '| Token requests a month | API and Lambda | Tables, secrets | Logs | Metrics | Idle | Total |',
    '|--:|--:|--:|--:|--:|--:|--:|',
    ...used,
    '',
    '| Ten connections, idle | Resources | A month |',
    '|---|--:|--:|',
    ...standing,
  ].join('\n');
}

if (import.meta.main) console.log(costTables());
