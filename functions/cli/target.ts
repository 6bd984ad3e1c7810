/** Which broker a command talks to, and with which credentials. */

import { type BrokerApi, brokerApi } from '../../shared/client/broker-api.ts';
import {
  type AwsCredentialsProvider,
  defaultCredentials,
  remembered,
} from '../../shared/client/credentials.ts';
import { regionOf, secureUrl } from '../../shared/client/region.ts';
import { isLoopback } from '../../shared/contract/loopback.ts';
import { SERVICE } from '../../shared/contract/metrics.ts';
import { prefixOfStack } from '../../shared/contract/stage.ts';
import { type Aws, AwsRefusal, callJson } from './aws.ts';
import { EXIT, Failure, usage } from './failure.ts';

export interface TargetOptions {
  readonly endpoint?: string;
  readonly stack?: string;
  readonly local?: boolean;
  readonly region?: string;
  readonly awsEndpoint?: string;
}

export interface Target {
  /** Base URL of the HTTPS routes. */
  readonly endpoint: URL;
  /** Runs on this machine, with its own AWS endpoint. */
  readonly isLocal: boolean;
  readonly api: BrokerApi;
  readonly aws: Aws;
  /** Put before every fixed name: `dev-` for the stack `dev-token-broker`. */
  readonly stage: string;
}

const LOCAL = 'http://127.0.0.1:8787';
const LOCAL_AWS = 'http://127.0.0.1:8788';

/** Milliseconds. */
const TIMEOUT = 40_000;
const HEALTH_TIMEOUT = 500;

/** @throws Failure telling where it was looked for */
export async function findTarget(options: TargetOptions): Promise<Target> {
  const { endpoint = process.env.TOKEN_BROKER_ENDPOINT || undefined } = options;
  if (options.local) return localTarget(urlOf(LOCAL, '--local'), options);
  if (options.stack !== undefined) return stackTarget(options.stack, options);
  if (endpoint !== undefined) {
    const url = urlOf(endpoint, options.endpoint === undefined ? 'TOKEN_BROKER_ENDPOINT' : '--endpoint');
    return isLoopback(url.hostname) ? localTarget(url, options) : deployedTarget(url, options);
  }
  if (await isHealthy(LOCAL)) return localTarget(urlOf(LOCAL, '--local'), options);
  return stackTarget(SERVICE, options);
}

function localTarget(endpoint: URL, options: TargetOptions): Target {
  const region = options.region ?? regionOf({ endpoint });
  const credentials = localCredentials();
  const awsEndpoint = options.awsEndpoint ?? (process.env.AWS_ENDPOINT_URL || LOCAL_AWS);
  const aws = { region, credentials, endpoint: urlOf(awsEndpoint, '--aws-endpoint') };
  const api = brokerApi({ endpoint, region, credentials, timeout: TIMEOUT });
  return { endpoint, isLocal: true, api, aws, stage: '' };
}

function deployedTarget(endpoint: URL, options: TargetOptions, stage = ''): Target {
  const aws = awsOf(options, endpoint);
  const { region, credentials } = aws;
  return {
    endpoint,
    isLocal: false,
    api: brokerApi({ endpoint, region, credentials, timeout: TIMEOUT }),
    aws,
    stage,
  };
}

/** The stack publishes its endpoint as a parameter of the same name. */
async function stackTarget(stack: string, options: TargetOptions): Promise<Target> {
  const stage = stageOf(stack);
  const aws = awsOf(options);
  const name = `/${stack}/endpoint`;
  try {
    const { Parameter } = await callJson(aws, 'ssm', 'GetParameter', { Name: name });
    const { Value } = (Parameter ?? {}) as { Value?: string };
    return deployedTarget(urlOf(Value ?? '', name), options, stage);
  } catch (error) {
    if (error instanceof AwsRefusal)
      throw notFound(error, stack, name, aws.region, options.stack !== undefined);
    throw error;
  }
}

function stageOf(stack: string): string {
  const prefix = prefixOfStack(stack);
  if (prefix !== undefined) return prefix;
  throw usage(`--stack ${stack} is not a token broker's: the name is token-broker, or STAGE-token-broker.`);
}

function awsOf({ region, awsEndpoint }: TargetOptions, endpoint?: URL): Aws {
  const at = awsEndpoint ?? (process.env.AWS_ENDPOINT_URL || undefined);
  try {
    return {
      region: region ?? regionOf(endpoint ? { endpoint } : {}),
      credentials: remembered(defaultCredentials()),
      endpoint: at === undefined ? undefined : urlOf(at, '--aws-endpoint'),
    };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw usage(
      'No AWS Region is set to look for a deployed token broker in, and no other broker was named or found here.',
      'npm start   (or --region REGION, or AWS_REGION, for a deployed one)',
    );
  }
}

/**
 * Keys of the local broker only: whatever else listens on that port learns nothing of the person's own. Its keys
 * name who one is (`local`, `role-NAME`); the secret is no secret.
 */
function localCredentials(): AwsCredentialsProvider {
  const { AWS_ACCESS_KEY_ID: keyId = '' } = process.env;
  const accessKeyId = /^(?:local|role-.+)$/.test(keyId) ? keyId : 'local';
  return async () => ({ accessKeyId, secretAccessKey: 'local' });
}

function urlOf(text: string, name: string): URL {
  try {
    return secureUrl(text, name);
  } catch (error) {
    throw usage((error as Error).message);
  }
}

async function isHealthy(origin: string): Promise<boolean> {
  try {
    const response = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

function notFound(error: AwsRefusal, stack: string, name: string, region: string, named: boolean): Failure {
  const here = named ? '' : `No token broker runs at ${new URL(LOCAL).host}, and `;
  if (error.type !== 'ParameterNotFound') {
    return new Failure(
      EXIT.denied,
      `${here}the parameter ${name} in ${region} cannot be read: ${error.message}`,
    );
  }
  return new Failure(
    EXIT.usage,
    `${here || 'There is '}${here && 'there is '}no stack ${stack} in ${region} (its parameter ${name} is missing).`,
    'Check --region and --stack, deploy it, or start one here: npm start',
  );
}
