/** The construct's props from CDK context, for those who deploy without writing code. */
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { LambdaDeploymentConfig } from 'aws-cdk-lib/aws-codedeploy';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { STAGE, STAGE_RULE } from '../shared/contract/stage.ts';
import type { CustomDomain, Throttle } from './api.ts';
import { Context } from './context.ts';
import type { TokenBrokerProps } from './props.ts';

const CONNECTIONS = 'infra/connections.json';

/** @throws OperatorError naming every context value that is not allowed, and what is */
export function settingsOf(scope: Construct, context = new Context(scope)): TokenBrokerProps {
  const settings = read(scope, context);
  context.refuseProblems();
  return settings;
}

function read(scope: Construct, context: Context): TokenBrokerProps {
  const key = context.arn('key');
  const tokensTable = context.text('tokens-table');
  const grantsTable = context.text('grants-table');
  const boundary = context.arn('permissions-boundary');
  return present({
    connections: context.text('connections') ?? CONNECTIONS,
    stage: context.matching('stage', STAGE, STAGE_RULE),
    existingSecrets: context.list('existing-secrets'),
    secretReaders: context.list('secret-readers'),
    key: key && Key.fromKeyArn(scope, 'ExistingKey', key),
    tokensTable: tokensTable && Table.fromTableName(scope, 'ExistingTokens', tokensTable),
    grantsTable: grantsTable && Table.fromTableName(scope, 'ExistingGrants', grantsTable),
    keyring: context.arn('keyring'),
    shards: context.count('shards'),
    egress: context.choice('egress', ['public', 'static-ip']),
    domain: domainOf(scope, context),
    throttle: throttleOf(context, ''),
    publicThrottle: throttleOf(context, 'public-'),
    memorySize: context.count('memory'),
    provisionedConcurrency: context.count('provisioned-concurrency'),
    reservedConcurrency: context.count('reserved-concurrency'),
    publicReservedConcurrency: context.count('public-reserved-concurrency'),
    breakGlass: context.list('break-glass'),
    logRetention: retentionOf(context),
    tracing: context.flag('tracing'),
    canary: canaryOf(context),
    permissionsBoundary: boundary && ManagedPolicy.fromManagedPolicyArn(scope, 'Boundary', boundary),
    alarmEmail: context.text('alarm-email'),
    alarms: context.choice('alarms', ['none', 'essential', 'all']),
    dashboard: context.flag('dashboard'),
  });
}

function domainOf(scope: Construct, context: Context): CustomDomain | undefined {
  const [name, certificate] = [context.text('domain'), context.arn('certificate')];
  if (!name || !certificate) return context.together(name, certificate, 'domain and certificate');
  return { name, certificate: Certificate.fromCertificateArn(scope, 'Certificate', certificate) };
}

function throttleOf(context: Context, prefix: string): Throttle | undefined {
  const [rate, burst] = [`${prefix}rate-limit`, `${prefix}burst-limit`];
  const [rateLimit, burstLimit] = [context.count(rate), context.count(burst)];
  if (rateLimit && burstLimit) return { rateLimit, burstLimit };
  return context.together(rateLimit, burstLimit, `${rate} and ${burst}`);
}

const CANARIES = {
  '10percent-5minutes': LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
  '10percent-30minutes': LambdaDeploymentConfig.CANARY_10PERCENT_30MINUTES,
};

function canaryOf(context: Context): TokenBrokerProps['canary'] {
  const name = context.choice('canary', Object.keys(CANARIES) as (keyof typeof CANARIES)[]);
  return name && CANARIES[name];
}

/** CloudWatch takes only some numbers of days; CDK's enumeration has them. */
function retentionOf(context: Context): RetentionDays | undefined {
  const days = context.count('log-retention-days');
  if (days === undefined || RetentionDays[days] !== undefined) return days;
  const allowed = Object.values(RetentionDays).filter((value) => typeof value === 'number' && value < 9999);
  return context.refuse('log-retention-days', allowed.join(', '));
}

/** Settings without a value are left out, so that the construct's defaults hold. */
function present<T extends Record<string, unknown>>(settings: T): TokenBrokerProps {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given) as unknown as TokenBrokerProps;
}
