/** How every function of the broker is made: own role, own log group, no permission that it was not bound to. */
import { Aws, Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  Alias,
  Architecture,
  type Code,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENVIRONMENT, type EnvironmentName } from '../shared/contract/names.ts';
import type { Binding } from './binding.ts';
import type { Program } from './bundling/programs.ts';
import { KEPT } from './kept.ts';

/** The alias through which everything but a direct invoke reaches a function. */
const LIVE = 'live';

/** What all functions of a deployment have in common. */
export interface FunctionDefaults {
  readonly key: IKey;
  /** In the `service` dimension of metrics, and in logs. */
  readonly service: string;
  readonly memorySize: number;
  readonly logRetention: RetentionDays;
  readonly tracing: boolean;
}

export interface BrokerFunctionProps extends FunctionDefaults {
  /** Default: CloudFormation names it. */
  readonly functionName?: string;
  readonly description: string;
  readonly program: Program;
  readonly code: Code;
  readonly timeout: Duration;
  readonly bindings: readonly Binding[];
  /** Where it is invoked asynchronously by what holds no `params` of a caller. */
  readonly deadLetters?: IQueue;
  /** Where it runs, when it must leave from a fixed address. */
  readonly network?: Network;
  readonly provisionedConcurrency?: number;
  readonly reservedConcurrency?: number;
}

export interface Network {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly securityGroups: readonly ISecurityGroup[];
}

export class BrokerFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;
  readonly program: Program;
  #live: Alias | undefined;

  constructor(scope: Construct, id: string, props: BrokerFunctionProps) {
    super(scope, id);
    this.program = props.program;
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
    });
    this.logGroup = new LogGroup(this, 'Logs', {
      encryptionKey: props.key,
      retention: props.logRetention,
      removalPolicy: KEPT,
    });
    this.logGroup.grantWrite(this.role);
    if (props.network && props.functionName) this.#allowNetworkInterfaces(props.functionName);
    this.function = new LambdaFunction(this, 'Function', {
      functionName: props.functionName,
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: props.code,
      role: this.role,
      timeout: props.timeout,
      memorySize: props.memorySize,
      environment: environmentOf(props),
      logGroup: this.logGroup,
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      deadLetterQueue: props.deadLetters,
      reservedConcurrentExecutions: props.reservedConcurrency,
      ...networkOf(props),
      currentVersionOptions: {
        // On the version: aliases share it, and one per connection would each pay for its own.
        provisionedConcurrentExecutions: props.provisionedConcurrency,
        // Kept, so that going back is one move of an alias; but what is kept warm is paid for.
        removalPolicy: props.provisionedConcurrency ? RemovalPolicy.DESTROY : KEPT,
      },
    });
    for (const statement of props.bindings.flatMap(({ statements }) => statements)) {
      this.role.addToPolicy(props.functionName ? onlyFrom(props.functionName, statement) : statement);
    }
    Validations.of(this.role).acknowledge(
      ...props.bindings.flatMap(({ acknowledged }) => acknowledged ?? []),
    );
    if (props.tracing) acknowledgeTracing(this);
  }

  /** The alias `live`, with a low number of asynchronous retries. */
  get live(): Alias {
    this.#live ??= new Alias(this, `Alias-${LIVE}`, {
      aliasName: LIVE,
      version: this.function.currentVersion,
      retryAttempts: 1,
      maxEventAge: Duration.minutes(5),
    });
    return this.#live;
  }

  /** As in AWS' own policy for functions in a VPC, but only for Lambda itself, not for the function's code. */
  #allowNetworkInterfaces(functionName: string): void {
    const actions = [
      'ec2:AssignPrivateIpAddresses',
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:UnassignPrivateIpAddresses',
    ];
    this.role.addToPolicy(new PolicyStatement({ sid: 'NetworkInterfaces', actions, resources: ['*'] }));
    this.role.addToPolicy(
      new PolicyStatement({
        sid: 'NetworkInterfacesNotByCode',
        effect: Effect.DENY,
        actions,
        resources: ['*'],
        conditions: { ArnLike: sourceOf(functionName) },
      }),
    );
    Validations.of(this.role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'Network interfaces do not exist yet when Lambda makes them; the code itself is denied these actions.',
    });
  }
}

/**
 * To nobody but the function's own code: whoever puts the role on another function has nothing of it. The broker's key is used by
 * DynamoDB and Secrets Manager alone, each for a request that has passed, and nothing says that what a service asks of
 * another for somebody tells where that somebody runs.
 */
function onlyFrom(functionName: string, statement: PolicyStatement): PolicyStatement {
  const { conditions } = statement;
  if ('kms:ViaService' in (conditions.StringEquals ?? {})) return statement;
  return statement.copy({ conditions: { ...conditions, ArnLike: sourceOf(functionName) } });
}

/** What Lambda adds to the requests of a function's code (its developer guide, "source function ARN"). */
function sourceOf(functionName: string) {
  const arn = `arn:${Aws.PARTITION}:lambda:${Aws.REGION}:${Aws.ACCOUNT_ID}:function:${functionName}`;
  return { 'lambda:SourceFunctionArn': [arn, `${arn}:*`] };
}

function environmentOf({ service, bindings }: BrokerFunctionProps): Record<string, string> {
  const values = Object.assign({ serviceName: service }, ...bindings.map(({ environment }) => environment));
  return Object.fromEntries(
    Object.entries<string>(values).map(([name, value]) => [ENVIRONMENT[name as EnvironmentName], value]),
  );
}

function networkOf({ network }: BrokerFunctionProps) {
  if (!network) return {};
  return { vpc: network.vpc, vpcSubnets: network.subnets, securityGroups: [...network.securityGroups] };
}

function acknowledgeTracing(fn: BrokerFunction): void {
  Validations.of(fn.role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason: 'X-Ray has no resources to name: PutTraceSegments and PutTelemetryRecords take only *.',
  });
}
