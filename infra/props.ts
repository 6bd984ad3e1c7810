import type { ILambdaDeploymentConfig } from 'aws-cdk-lib/aws-codedeploy';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { CustomDomain, Throttle } from './api.ts';
import type { ConnectionsSource } from './connection-members.ts';
import type { Egress } from './egress.ts';
import type { AlarmChoice } from './observability/alarms.ts';

/** How a broker is deployed, whatever its connections. */
export interface DeploymentProps {
  /** Put before every fixed name, and before secret names under `token-broker/`. Default: none. */
  readonly stage?: string;

  /** Names of secrets that exist already, to be used and not made. Secrets given as ARNs always exist. */
  readonly existingSecrets?: readonly string[];
  /** KMS keys of existing secrets that another key than `key` encrypts. */
  readonly secretKeys?: readonly IKey[];
  /** ARNs of roles that may read the client secrets beside the broker's own. Default: none. */
  readonly secretReaders?: readonly string[];
  /**
   * ARNs of roles for emergencies (`*` and `?` allowed): they alone may read and write the keyring by hand, and,
   * beside deployments, change the policies of secrets and key. Name a role here that deploys otherwise than
   * through CDK's own or with the credentials of whoever calls CloudFormation. Default: the root user alone.
   */
  readonly breakGlass?: readonly string[];

  /** An existing key, whose policy must let CloudWatch Logs use it. Default: one is made, and retained. */
  readonly key?: IKey;
  /** An existing table of minted tokens. Default: one is made. */
  readonly tokensTable?: ITable;
  /** An existing table of grants, say one restored from a backup. Default: one is made, and retained. */
  readonly grantsTable?: ITable;
  /** Complete ARN of an existing sealing keyring: grants open only with the one that sealed them. Default: one is made. */
  readonly keyring?: string;
  /** Parts of the due index, each with its own sweep. May be raised later, never lowered. Default: 1. */
  readonly shards?: number;

  /** How the functions reach the vendors. Default: `public`, from Lambda's own changing addresses. */
  readonly egress?: Egress;
  /** A domain name for the endpoint and the callback. Default: API Gateway's own. */
  readonly domain?: CustomDomain;
  /** All callers together. Default: 500 requests a second, bursts of 1,000. */
  readonly throttle?: Throttle;
  /** Each route that anybody may call: the pages of a consent. Default: 10 requests a second, bursts of 20. */
  readonly publicThrottle?: Throttle;

  /** MiB, each function. Default: 512. */
  readonly memorySize?: number;
  /** Execution environments kept warm for each of the two functions that callers wait for. Default: none. */
  readonly provisionedConcurrency?: number;
  /** Concurrency set aside for, and the limit of, each of those two functions. Default: none. */
  readonly reservedConcurrency?: number;
  /**
   * The same for the function behind the public routes, so that whoever floods them takes nothing from callers.
   * Default: none, because a new account has ten in all, and none of these can be set aside.
   */
  readonly publicReservedConcurrency?: number;
  /** Default: three months. Audit records are in these logs. */
  readonly logRetention?: RetentionDays;
  /** X-Ray. Default: off: it costs more than all the rest of a request, and the audit record has the durations. */
  readonly tracing?: boolean;
  /** How new code reaches callers of the API, and goes back when it crashes. Default: all at once. */
  readonly canary?: ILambdaDeploymentConfig;
  /** Limits every role that is made. Default: none. */
  readonly permissionsBoundary?: IManagedPolicy;

  /** Where alarms go. Default: nowhere, unless `alarmEmail` is given. */
  readonly alarmTopic?: ITopic;
  /** Which alarms there are. Default: `essential` where they reach somebody, `none` where they reach nobody. */
  readonly alarms?: AlarmChoice;
  /** Whether there is a dashboard. Default: there is. */
  readonly dashboard?: boolean;
  /** An address that alarms are sent to, through a topic that is made for it. */
  readonly alarmEmail?: string;
}

/**
 * Only `connections` is needed; everything else has a default that suits a first deployment.
 * @example
 * ```ts
 * import type { TokenBrokerProps } from 'token-broker/cdk';
 * const props: TokenBrokerProps = { connections: 'infra/connections.json', stage: 'prod', egress: 'static-ip' };
 * ```
 */
export interface TokenBrokerProps<Name extends string = string, VendorName extends string = never>
  extends DeploymentProps {
  /** A connections file, a folder of such files (one a team; no name twice), or a file's contents. */
  readonly connections: ConnectionsSource<Name, VendorName>;
  /**
   * Vendors beside those that are built in: by the name that connections give them, the path of a module whose
   * default export is a `Vendor`. It may be TypeScript, and imports nothing but types and `node:` modules.
   */
  readonly vendors?: Readonly<Record<VendorName, string>>;
}
