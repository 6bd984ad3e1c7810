/**
 * Names that the stack writes and the functions read, in one place, so that neither can drift from the other.
 */
import { BrokerError } from './errors.ts';

/** Environment variables of the deployed functions; each function gets those that it uses. */
export const ENVIRONMENT = {
  /** Name of the disposable table. */
  tokensTable: 'TOKENS_TABLE',
  /** Name of the precious table. */
  grantsTable: 'GRANTS_TABLE',
  /** Name of the secret that holds the sealing keyring. */
  keyringSecret: 'KEYRING_SECRET',
  /** Prefix of the names of rescue secrets. */
  rescuePrefix: 'RESCUE_PREFIX',
  /** Public URL of the deployment, without a trailing slash: `/callback` is below it. */
  publicUrl: 'PUBLIC_URL',
  /** Name of the deployment in logs and metrics (Powertools for AWS Lambda calls it so). */
  serviceName: 'POWERTOOLS_SERVICE_NAME',
  /** How many parts the due index has. */
  shards: 'SHARDS',
} as const;
export type EnvironmentName = keyof typeof ENVIRONMENT;

/** Fixed names; a stage is put before each as `STAGE-`. */
export const NAMES = {
  tokensTable: 'token-broker-tokens',
  grantsTable: 'token-broker-grants',
  internalPrefix: 'token-broker-internal/',
  keyringSecret: 'token-broker-internal/sealing-keyring',
  rescuePrefix: 'token-broker-internal/rescue/',
  defaultSecretPrefix: 'token-broker/',
} as const;

/** The functions, by fixed name, and how long each may run, in milliseconds. */
export const FUNCTIONS = {
  // API Gateway gives up after 30 s; a caller had better learn it from the broker.
  https: { name: 'token-broker-https', timeout: 29_000 },
  invoke: { name: 'token-broker-invoke', timeout: 29_000 },
  callback: { name: 'token-broker-callback', timeout: 29_000 },
  refresh: { name: 'token-broker-refresh', timeout: 120_000 },
  sealingKey: { name: 'token-broker-sealing-key', timeout: 60_000 },
} as const;

/** Types of the custom resources that the deployment function answers for. */
export const CUSTOM_RESOURCES = {
  invokeAliases: 'Custom::InvokeAliases',
  stageGuard: 'Custom::StageGuard',
} as const;

/** File beside each bundle: an array of the connections as they were parsed; larger than the environment's 4 KB may be. */
export const CONNECTIONS_FILE = 'connections.json';

/** Module beside each bundle that exports the vendors which a deployment brings along, if it does. */
export const VENDORS_FILE = 'vendors.mjs';

/** @throws BrokerError `internal` naming the variable that the stack did not set */
export function fromEnvironment(name: EnvironmentName, environment = process.env): string {
  const value = environment[ENVIRONMENT[name]];
  if (!value) throw new BrokerError('internal', `The environment variable ${ENVIRONMENT[name]} is not set.`);
  return value;
}
