import { Aws, CfnOutput, Stack } from 'aws-cdk-lib';
import type { IHttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { IAlarm, Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { type IGrantable, type IPrincipal, PermissionsBoundary, Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Connection } from '../shared/connections/connection.ts';
import type { ErrorCode } from '../shared/contract/errors.ts';
import type { Action } from '../shared/contract/messages.ts';
import { type MetricName, SERVICE } from '../shared/contract/metrics.ts';
import { pathOf } from '../shared/contract/routes.ts';
import { admitsDirectInvoke, invokeRoutes, routesOf } from './access.ts';
import { alarmTopic } from './alarm-topic.ts';
import { Api } from './api.ts';
import { BrokerFunctions } from './broker-functions.ts';
import { deployGradually } from './canary.ts';
import { loadConnections } from './connections-file.ts';
import { createDeadLetters } from './dead-letters.ts';
import { createNetwork, portsOf } from './egress.ts';
import { InvokeAliases } from './invoke-aliases.ts';
import { refuseTooManyResources } from './limits.ts';
import { Alarms } from './observability/alarms.ts';
import { createDashboard } from './observability/dashboard.ts';
import { BrokerMetrics } from './observability/metrics.ts';
import { OperatorError } from './operator-error.ts';
import { publish } from './outputs.ts';
import type { TokenBrokerProps } from './props.ts';
import { scheduleSweeps } from './schedule.ts';
import { Stage } from './stage.ts';
import { guardStage } from './stage-guard.ts';
import { Stores } from './stores.ts';
import { bringVendors } from './vendors.ts';

/**
 * A caller's role: who may assume it, and what it may do with which connection.
 * @example
 * ```ts
 * import { AccountPrincipal } from 'aws-cdk-lib/aws-iam';
 * import type { CallerRoleProps } from 'token-broker/cdk';
 * const partner: CallerRoleProps = {
 *   connection: 'onboarding',
 *   actions: ['token'],
 *   assumedBy: new AccountPrincipal('444455556666'),
 * };
 * ```
 */
export interface CallerRoleProps<Name extends string = string> {
  readonly connection: Name;
  /** Default: `token` and `read`. */
  readonly actions?: readonly Action[];
  /** Who may assume the role: a role of another account, say. */
  readonly assumedBy: IPrincipal;
  /** Default: CloudFormation names it. */
  readonly roleName?: string;
}

/**
 * The token broker: one in an account and Region, or one a stage.
 * @throws OperatorError when the connections are wrong, with every mistake in them
 * @example
 * ```ts
 * import { App, Stack } from 'aws-cdk-lib';
 * import { TokenBroker } from 'token-broker/cdk';
 * const stack = new Stack(new App(), 'Tokens');
 * const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });
 * console.log(broker.url);
 * ```
 */
export class TokenBroker<Name extends string = string, VendorName extends string = never> extends Construct {
  /** Base URL of the HTTPS routes, without a trailing slash. */
  readonly url: string;
  readonly api: IHttpApi;
  /** The key that encrypts everything. */
  readonly key: IKey;
  readonly tables: { readonly tokens: ITable; readonly grants: ITable };
  /** `invoke` is for direct invokes, its aliases are the connections; nobody but API Gateway may invoke `https`. */
  readonly functions: Readonly<Record<'https' | 'invoke' | 'callback' | 'refresh', IFunction>>;
  readonly alarms: readonly IAlarm[];
  /** Put before every fixed name; empty where there is none. */
  readonly stage: string;
  readonly #metrics: BrokerMetrics;
  readonly #connections: ReadonlyMap<string, Connection>;
  readonly #aliases: InvokeAliases;
  readonly #apiId: string;

  constructor(scope: Construct, id: string, props: TokenBrokerProps<Name, VendorName>) {
    super(scope, id);
    if (props.permissionsBoundary) PermissionsBoundary.of(this).apply(props.permissionsBoundary);
    const stage = new Stage(props.stage);
    this.stage = stage.label;
    refuseTwins(this);
    const { vendors, sources } = bringVendors(props.vendors);
    const connections = loadConnections(props.connections, stage, vendors);
    const service = stage.name(SERVICE);

    const stores = new Stores(this, stage, connections, props);
    const logs = { key: stores.key, retention: props.logRetention ?? RetentionDays.THREE_MONTHS };
    const api = new Api(this, 'Api', {
      stage,
      key: stores.key,
      logRetention: logs.retention,
      throttle: props.throttle ?? { rateLimit: 500, burstLimit: 1_000 },
      publicThrottle: props.publicThrottle ?? { rateLimit: 10, burstLimit: 20 },
      ...(props.domain && { domain: props.domain }),
    });
    const deadLetters = createDeadLetters(this);
    const publicUrl = { environment: { publicUrl: api.url }, statements: [] };
    const functions = new BrokerFunctions(this, {
      stage,
      defaults: {
        key: stores.key,
        service,
        memorySize: props.memorySize ?? 512,
        logRetention: logs.retention,
        tracing: props.tracing ?? false,
      },
      luggage: { connections, vendors: sources },
      network: createNetwork(this, props.egress ?? 'public', { ...logs, ports: portsOf(connections) }),
      provisionedConcurrency: props.provisionedConcurrency,
      reservedConcurrency: props.reservedConcurrency,
      publicReservedConcurrency: props.publicReservedConcurrency,
      deadLetters,
      broker: [...stores.brokerBindings, publicUrl],
      callback: [...stores.publicBindings, publicUrl],
      https: [stores.grantsBinding],
      refresh: stores.sweepBindings,
      sealingKey: stores.sealingKeyBindings,
    });
    stores.protect(functions);
    guardStage(this, { stage, deployment: functions.deployment, guarded: stores.named });
    api.route(functions.https.live, functions.callback.live);

    if (props.canary) {
      const { https: Https, callback: Callback } = functions;
      deployGradually(this, { Https, Callback }, props.canary);
    }

    this.#metrics = new BrokerMetrics(service);
    const observed = {
      metrics: this.#metrics,
      functions,
      api: api.api,
      tables: { tokens: stores.tokens, grants: stores.grants },
      deadLetters,
    };
    const topic = alarmTopic(this, stores.key, props);
    const choice = props.alarms ?? (topic ? 'essential' : 'none');
    const { alarms } = new Alarms(this, 'Alarms', { ...observed, choice, ...(topic && { topic }) });
    const dashboardName = `${service}-${Aws.REGION}`;
    const withDashboard = props.dashboard ?? true;
    if (withDashboard) createDashboard(this, { ...observed, name: dashboardName, alarms });

    this.url = api.url;
    this.api = api.api;
    this.key = stores.key;
    this.tables = { tokens: stores.tokens, grants: stores.grants };
    this.functions = {
      https: functions.https.function,
      invoke: functions.invoke.function,
      callback: functions.callback.function,
      refresh: functions.refresh.function,
    };
    this.alarms = alarms;
    this.#apiId = api.api.apiId;
    this.#connections = new Map(connections.map((connection) => [connection.name, connection]));
    this.#aliases = new InvokeAliases(this, 'Aliases', {
      ...functions,
      connections,
      vendors: sources,
      after: [functions.https.live, functions.callback.live],
      keepsVersions: props.provisionedConcurrency === undefined,
    });
    publish(this, stage, {
      endpoint: this.url,
      callbackUrl: this.url + pathOf('GET /callback', {}),
      invokeFunctionArn: functions.invoke.function.functionArn,
      ...(withDashboard && { dashboardName }),
      tokensTable: stores.tokens.tableName,
      grantsTable: stores.grants.tableName,
    });
    const { refresh } = functions;
    const after = stores.createGrantsTable(this.node.children);
    scheduleSweeps(this, { name: service, refresh, shards: stores.shards, deadLetters, after });
    refuseTooManyResources(this, connections.length);
  }

  /**
   * Lets `grantee` get this connection's tokens, over HTTPS and by direct invoke, and nothing else. A
   * principal of another account gets the direct invoke alone, as API Gateway has no policy to name it in:
   * for HTTPS it needs a `callerRole`. If the connection has `callers`, they must admit the grantee too.
   * @example
   * ```ts
   * import { App, Stack } from 'aws-cdk-lib';
   * import { Role } from 'aws-cdk-lib/aws-iam';
   * import { TokenBroker } from 'token-broker/cdk';
   * const stack = new Stack(new App(), 'Tokens');
   * const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });
   * broker.grantToken(Role.fromRoleName(stack, 'Ci', 'ci-upload'), 'crash-symbols');
   * ```
   */
  grantToken(grantee: IGrantable, connection: Name): void {
    const routed = this.#grantRoutes(grantee, 'token', connection);
    const direct = admitsDirectInvoke(this.#connection(connection));
    if (direct) this.#aliases.grantInvoke(grantee, connection);
    if (!routed && !direct) throw outsider('token', connection);
  }

  /**
   * Lets `grantee` read the connection's state and its token owner, and list connections.
   * @example
   * ```ts
   * import { App, Stack } from 'aws-cdk-lib';
   * import { Role } from 'aws-cdk-lib/aws-iam';
   * import { TokenBroker } from 'token-broker/cdk';
   * const stack = new Stack(new App(), 'Tokens');
   * const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });
   * broker.grantRead(Role.fromRoleName(stack, 'Support', 'support'), 'crash-symbols');
   * ```
   */
  grantRead(grantee: IGrantable, connection: Name): void {
    if (!this.#grantRoutes(grantee, 'read', connection)) throw outsider('read', connection);
  }

  /**
   * Lets `grantee` start and finish consents for the connection.
   * @example
   * ```ts
   * import { App, Stack } from 'aws-cdk-lib';
   * import { Role } from 'aws-cdk-lib/aws-iam';
   * import { TokenBroker } from 'token-broker/cdk';
   * const stack = new Stack(new App(), 'Tokens');
   * const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });
   * broker.grantConsent(Role.fromRoleName(stack, 'Admin', 'admin'), 'logs-portal');
   * ```
   */
  grantConsent(grantee: IGrantable, connection: Name): void {
    if (!this.#grantRoutes(grantee, 'consent', connection)) throw outsider('consent', connection);
  }

  /**
   * Lets `grantee` revoke the connection's grants.
   * @example
   * ```ts
   * import { App, Stack } from 'aws-cdk-lib';
   * import { Role } from 'aws-cdk-lib/aws-iam';
   * import { TokenBroker } from 'token-broker/cdk';
   * const stack = new Stack(new App(), 'Tokens');
   * const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });
   * broker.grantRevoke(Role.fromRoleName(stack, 'Admin', 'admin'), 'logs-portal');
   * ```
   */
  grantRevoke(grantee: IGrantable, connection: Name): void {
    if (!this.#grantRoutes(grantee, 'revoke', connection)) throw outsider('revoke', connection);
  }

  /**
   * A role of this account that may use one connection, for callers of another account to assume.
   * @example
   * ```ts
   * import { App, Stack } from 'aws-cdk-lib';
   * import { AccountPrincipal } from 'aws-cdk-lib/aws-iam';
   * import { TokenBroker } from 'token-broker/cdk';
   * const stack = new Stack(new App(), 'Tokens');
   * const broker = new TokenBroker(stack, 'Broker', { connections: 'infra/connections.json' });
   * broker.callerRole('Partner', { connection: 'onboarding', assumedBy: new AccountPrincipal('444455556666') });
   * ```
   */
  callerRole(
    id: string,
    { connection, actions = ['token', 'read'], assumedBy, roleName }: CallerRoleProps<Name>,
  ): Role {
    const role = new Role(this, id, {
      assumedBy,
      roleName,
      description: `Uses the token broker's connection ${connection}: ${actions.join(', ')}`,
    });
    const grants: Record<Action, (grantee: IGrantable, connection: Name) => void> = {
      token: this.grantToken,
      read: this.grantRead,
      consent: this.grantConsent,
      revoke: this.grantRevoke,
    };
    for (const action of actions) grants[action].call(this, role, connection);
    new CfnOutput(Stack.of(this), `${id}Arn`, {
      value: role.roleArn,
      description: `Assume it to use ${connection}`,
    });
    return role;
  }

  /** Answers, whatever came of them: a sum over five minutes, unless `options` say otherwise. */
  metricRequests(options?: MetricOptions): Metric {
    return this.#metric('requests', options);
  }

  /** Error answers of one code. */
  metricErrors(code: ErrorCode, options?: MetricOptions): Metric {
    return this.#metrics.read('errors', { of: code }).with(options ?? {});
  }

  /** Grants that a vendor has ended: somebody must consent again. */
  metricConsentRequired(options?: MetricOptions): Metric {
    return this.#metric('consentRequired', options);
  }

  /** Refusals of vendors, all connections together. */
  metricVendorRejections(options?: MetricOptions): Metric {
    return this.#metric('vendorRejections', options);
  }

  #metric(name: MetricName, options: MetricOptions = {}): Metric {
    return this.#metrics.read(name).with(options);
  }

  /** `false` for a principal whose policies are not of this account. */
  #grantRoutes(grantee: IGrantable, action: Action, connection: string): boolean {
    const routes = routesOf(action, this.#connection(connection).name);
    return grantee.grantPrincipal.addToPrincipalPolicy(invokeRoutes(this, this.#apiId, routes))
      .statementAdded;
  }

  #connection(name: string): Connection {
    const connection = this.#connections.get(name);
    if (connection) return connection;
    const names = [...this.#connections.keys()].join(', ');
    throw new OperatorError(`There is no connection "${name}". There are: ${names}.`);
  }
}

/** Fixed names would meet, at deployment. */
function refuseTwins(broker: TokenBroker): void {
  const twin = Stack.of(broker)
    .node.findAll()
    .find((other) => other instanceof TokenBroker && other !== broker && other.stage === broker.stage);
  if (!twin) return;
  const { id } = twin.node;
  throw new OperatorError(
    `${broker.node.id} and ${id} are two brokers of one stack with the same names: give one of them a stage of its own.`,
  );
}

function outsider(action: Action, connection: string): OperatorError {
  return new OperatorError(
    `A principal without policies of its own here cannot be granted "${action}" on ${connection} over HTTPS: ` +
      'make it a callerRole to assume.',
  );
}
