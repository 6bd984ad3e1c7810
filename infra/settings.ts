/** The construct's props from CDK context, for those who deploy without writing code. */
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { CustomDomain } from './api.ts';
import { OperatorError } from './operator-error.ts';
import type { TokenBrokerProps } from './props.ts';

const CONNECTIONS = 'infra/connections.json';

/** @throws OperatorError naming the context value that is not allowed, and what is */
export function settingsOf(scope: Construct): TokenBrokerProps {
  const context = new Context(scope);
  const key = context.text('key');
  const tokensTable = context.text('tokens-table');
  const grantsTable = context.text('grants-table');
  const boundary = context.text('permissions-boundary');
  return present({
    connections: context.text('connections') ?? CONNECTIONS,
    stage: context.text('stage'),
    existingSecrets: context.list('existing-secrets'),
    secretReaders: context.list('secret-readers'),
    key: key && Key.fromKeyArn(scope, 'ExistingKey', key),
    tokensTable: tokensTable && Table.fromTableName(scope, 'ExistingTokens', tokensTable),
    grantsTable: grantsTable && Table.fromTableName(scope, 'ExistingGrants', grantsTable),
    keyring: context.text('keyring'),
    shards: context.count('shards'),
    egress: context.choice('egress', ['public', 'static-ip']),
    domain: domainOf(scope, context),
    throttle: throttleOf(context),
    memorySize: context.count('memory'),
    provisionedConcurrency: context.count('provisioned-concurrency'),
    reservedConcurrency: context.count('reserved-concurrency'),
    logRetention: retentionOf(context),
    tracing: context.flag('tracing'),
    permissionsBoundary: boundary && ManagedPolicy.fromManagedPolicyArn(scope, 'Boundary', boundary),
    alarmEmail: context.text('alarm-email'),
  });
}

function domainOf(scope: Construct, context: Context): CustomDomain | undefined {
  const [name, certificate] = [context.text('domain'), context.text('certificate')];
  if (!name && !certificate) return undefined;
  if (!name || !certificate)
    throw new OperatorError('The context values domain and certificate go together.');
  return { name, certificate: Certificate.fromCertificateArn(scope, 'Certificate', certificate) };
}

function throttleOf(context: Context): TokenBrokerProps['throttle'] | undefined {
  const [rateLimit, burstLimit] = [context.count('rate-limit'), context.count('burst-limit')];
  if (rateLimit === undefined && burstLimit === undefined) return undefined;
  if (rateLimit && burstLimit) return { rateLimit, burstLimit };
  throw new OperatorError('The context values rate-limit and burst-limit go together.');
}

/** CloudWatch takes only some numbers of days; CDK's enumeration has them. */
function retentionOf(context: Context): RetentionDays | undefined {
  const days = context.count('log-retention-days');
  if (days === undefined || RetentionDays[days] !== undefined) return days;
  const allowed = Object.values(RetentionDays).filter((value) => typeof value === 'number' && value < 9999);
  throw new OperatorError(
    `The context value log-retention-days=${days} is not allowed: ${allowed.join(', ')}.`,
  );
}

/** Values come as text from `-c`, and as JSON from `cdk.json`. */
class Context {
  readonly #scope: Construct;

  constructor(scope: Construct) {
    this.#scope = scope;
  }

  text(name: string): string | undefined {
    const value: unknown = this.#scope.node.tryGetContext(name);
    return value === undefined || value === '' ? undefined : String(value);
  }

  list(name: string): string[] | undefined {
    return this.text(name)?.split(',');
  }

  count(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined || /^[1-9][0-9]{0,5}$/.test(text))
      return text === undefined ? undefined : Number(text);
    throw new OperatorError(`The context value ${name}=${text} is not allowed: a whole number above 0.`);
  }

  flag(name: string): boolean | undefined {
    const value = this.choice(name, ['true', 'false']);
    return value === undefined ? undefined : value === 'true';
  }

  choice<const T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    const found = allowed.find((value) => value === text);
    if (text === undefined || found !== undefined) return found;
    throw new OperatorError(`The context value ${name}=${text} is not allowed: ${allowed.join(', ')}.`);
  }
}

/** Settings without a value are left out, so that the construct's defaults hold. */
function present<T extends Record<string, unknown>>(settings: T): TokenBrokerProps {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given) as unknown as TokenBrokerProps;
}
