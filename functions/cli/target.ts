/**
 * Which broker a command talks to, and with which credentials. A broker on this machine is one that this user started:
 * its entry in the registry says its key and where its secrets are kept, and it proves itself before a secret or a
 * consent is sent to it, since anybody may listen on a port.
 */
import { randomBytes } from 'node:crypto';

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
import { DEMO_KEY, LOCAL_KEY_ID } from '../local/identities.ts';
import { CHALLENGE_HEADER, proofOf, type Registered, registered } from '../local/registry.ts';
import { type Aws, AwsRefusal, callJson } from './aws.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { tell } from './terminal.ts';

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
const PROOF_TIMEOUT = 10_000;
/** … where none was named, and a deployed one may be meant. */
const LOOK_TIMEOUT = 500;

/** The target of a command that only looks; where none is named, a broker of this user's on this machine comes first. */
export async function findTarget(options: TargetOptions): Promise<Target> {
  const named = await namedTarget(options);
  const unnamed = async () =>
    (await isOurs(LOCAL, LOOK_TIMEOUT))
      ? localTarget(new URL(LOCAL), options)
      : stackTarget(SERVICE, options);
  const target = named ?? (await unnamed());
  // What a script reads stays free of it.
  return process.stderr.isTTY ? announced(target) : target;
}

/**
 * The target of a command that stores a secret, consents or revokes: it must be named, and one on this machine proves
 * that it is this user's.
 * @throws Failure
 */
export async function findTargetToChange(options: TargetOptions): Promise<Target> {
  const target = await namedTarget(options);
  if (!target)
    throw usage(
      'Say which broker this is for: --local, --stack NAME or --endpoint URL (or TOKEN_BROKER_ENDPOINT).',
    );
  return announced(await proven(target));
}

/** @throws Failure where the target is on this machine and not this user's */
export async function proven(target: Target): Promise<Target> {
  if (target.isLocal && !(await isOurs(target.endpoint.origin)))
    throw new Failure(
      EXIT.denied,
      `What listens at ${target.endpoint.host}, if anything does, is no broker that you have started: nothing was sent to it.`,
      'token-broker dev   (as the same user; or give its key: AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=KEY)',
    );
  return target;
}

/** @throws Failure telling where it was looked for */
async function namedTarget(options: TargetOptions): Promise<Target | undefined> {
  const { endpoint = process.env.TOKEN_BROKER_ENDPOINT || undefined } = options;
  if (options.local) return localTarget(new URL(LOCAL), options);
  if (options.stack !== undefined) return stackTarget(options.stack, options);
  if (endpoint === undefined) return undefined;
  const url = urlOf(endpoint, options.endpoint === undefined ? 'TOKEN_BROKER_ENDPOINT' : '--endpoint');
  return isLoopback(url.hostname) ? localTarget(url, options) : deployedTarget(url, options);
}

function announced(target: Target): Target {
  tell(`at ${target.endpoint.origin}`);
  return target;
}

/** @param known where the broker of that address is known already */
export async function localTarget(
  endpoint: URL,
  options: TargetOptions,
  known?: Registered,
): Promise<Target> {
  const region = options.region ?? regionOf({ endpoint });
  const entry = known ?? (await registered(endpoint.port));
  const credentials = localCredentials(entry);
  const fallback = endpoint.origin === LOCAL ? LOCAL_AWS : undefined;
  // Each broker has its own: another's would take the secret as gladly.
  const at = options.awsEndpoint ?? entry?.awsUrl ?? (process.env.AWS_ENDPOINT_URL || fallback);
  const api = brokerApi({ endpoint, region, credentials, timeout: TIMEOUT });
  return {
    endpoint,
    isLocal: true,
    api,
    get aws() {
      if (at !== undefined) return { region, credentials, endpoint: urlOf(at, '--aws-endpoint') };
      throw usage(`Where ${endpoint.host} keeps its secrets is not known here: add --aws-endpoint URL.`);
    },
    stage: '',
  };
}

/** Whether what listens there knows what only this user's broker can. */
async function isOurs(origin: string, timeout = PROOF_TIMEOUT): Promise<boolean> {
  const { proof = keyInEnvironment() } = (await registered(new URL(origin).port)) ?? {};
  if (proof === undefined) return false;
  const challenge = randomBytes(32).toString('base64url');
  try {
    const response = await fetch(`${origin}/health`, {
      headers: { [CHALLENGE_HEADER]: challenge },
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
    });
    const answer = (await response.json()) as { proof?: unknown };
    return answer.proof === proofOf(proof, challenge);
  } catch {
    return false;
  }
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
      'token-broker dev   (or --region REGION, or AWS_REGION, for a deployed one)',
    );
  }
}

/**
 * Keys of the local broker only: whatever else listens on that port learns nothing of the person's own. Its key ids
 * name who one is (`local`, `role-NAME`); the secret of all is the broker's key.
 */
function localCredentials(entry: Registered | undefined): AwsCredentialsProvider {
  const secretAccessKey = entry?.key ?? keyInEnvironment() ?? DEMO_KEY;
  return async () => ({ accessKeyId: localKeyId() ?? LOCAL_KEY_ID, secretAccessKey });
}

function localKeyId(): string | undefined {
  const { AWS_ACCESS_KEY_ID: keyId = '' } = process.env;
  return /^(?:local|role-.+)$/.test(keyId) ? keyId : undefined;
}

/** The broker's key, where the environment has a key id of its kind. */
function keyInEnvironment(): string | undefined {
  return localKeyId() && (process.env.AWS_SECRET_ACCESS_KEY || undefined);
}

function urlOf(text: string, name: string): URL {
  try {
    return secureUrl(text, name);
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function notFound(error: AwsRefusal, stack: string, name: string, region: string, named: boolean): Failure {
  const here = named ? '' : `No token broker of yours runs at ${new URL(LOCAL).host}, and `;
  if (error.type !== 'ParameterNotFound') {
    return new Failure(
      EXIT.denied,
      `${here}the parameter ${name} in ${region} cannot be read: ${error.message}`,
    );
  }
  return new Failure(
    EXIT.usage,
    `${here || 'There is '}${here && 'there is '}no stack ${stack} in ${region} (its parameter ${name} is missing).`,
    'Check --region and --stack, deploy it, or start one here: token-broker dev',
  );
}
