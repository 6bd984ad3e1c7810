/**
 * The AWS SDK's clients, each with a bound on every operation. An unbounded one would outlive the lease that it
 * works under: by default the SDK only warns of a silent service, and waits for it for minutes.
 */
import type { Agent } from 'node:http';
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient, type SecretsManagerClientConfig } from '@aws-sdk/client-secrets-manager';
import { StoreUnavailable } from '../contract/errors.ts';
import { type Clock, systemClock } from '../oauth/clock.ts';

/** A client, and how many milliseconds one operation may take: every attempt, pause and the body included. */
export interface Bounded<Client> {
  readonly client: Client;
  readonly timeout: number;
}

/** What the clients are made with where it is not the environment's. */
export type AwsConfig = Pick<DynamoDBClientConfig, 'region' | 'endpoint' | 'credentials'>;

export type Dynamo = Bounded<DynamoDBClient>;
export type SecretsManager = Bounded<SecretsManagerClient>;

/** A cache that is slow to answer is a miss (invariant 6), so little time is spent on it. */
export function tokensClient(config: DynamoDBClientConfig = {}, clock = systemClock): Dynamo {
  const bounds = { maxAttempts: 2, requestHandler: httpBounds(500, 1_000) };
  const client = new DynamoDBClient({ ...common, ...bounds, ...config });
  return { client: fitted(client, clock), timeout: 2_500 };
}

/**
 * A grant that cannot be stored is a person asked again, so an operation gets more time; the broker repeats it
 * until its deadline, of which this is about what is kept for the store (`storeReserve`).
 */
export function grantsClient(config: DynamoDBClientConfig = {}, clock = systemClock): Dynamo {
  const bounds = { maxAttempts: 2, requestHandler: httpBounds(1_000, 1_500) };
  const client = new DynamoDBClient({ ...common, ...bounds, ...config });
  return { client: fitted(client, clock), timeout: 3_500 };
}

export function secretsManagerClient(
  config: SecretsManagerClientConfig = {},
  clock = systemClock,
): SecretsManager {
  const bounds = { maxAttempts: 3, requestHandler: httpBounds(1_000, 2_000) };
  const client = new SecretsManagerClient({ ...common, ...bounds, ...config });
  return { client: fitted(client, clock), timeout: 6_500 };
}

/** Said outright, because the SDK otherwise looks for them in configuration files at the first request. */
const common = { retryMode: 'standard', defaultsMode: 'standard' } as const;

function httpBounds(connectionTimeout: number, requestTimeout: number) {
  return { connectionTimeout, requestTimeout, throwOnRequestTimeout: true };
}

/**
 * How long a client's pooled connections may have rested, in milliseconds. A function that was frozen finds them dead,
 * with no word from the other end, and each would cost one of few attempts; a new one costs some milliseconds.
 */
const MOST_REST = 10_000;

/** Of a client, what is fitted here; those in the bundles (`infra/bundling/services`) have this and `send`. */
export interface ClientParts {
  readonly config: { readonly requestHandler: object };
  readonly middlewareStack: {
    add(around: (next: Next) => Next, options: { readonly step: 'initialize'; readonly name: string }): void;
    remove(name: string): boolean;
  };
}
type Next = (sent: unknown) => Promise<unknown>;

/** The client, which after a rest uses none of the connections from before it (invariant 16), and has nothing to log. */
function fitted<Client extends DynamoDBClient | SecretsManagerClient>(client: Client, clock: Clock): Client {
  let activeAt = clock.now();
  const { middlewareStack, config } = client as unknown as ClientParts;
  // It makes a copy of all that is asked and answered, for a logger that is not there.
  middlewareStack.remove('loggerMiddleware');
  middlewareStack.add(
    (next) => async (sent) => {
      if (clock.now() - activeAt > MOST_REST) dropPooled(config.requestHandler);
      activeAt = clock.now();
      try {
        return await next(sent);
      } finally {
        activeAt = clock.now();
      }
    },
    { step: 'initialize', name: 'withoutRested' },
  );
  return client;
}

/** Connections in use are not pooled: their operations are bounded, and an answer on one proves it alive. */
function dropPooled(handler: object): void {
  const { httpAgent, httpsAgent } = (handler as NodeHandler).httpHandlerConfigs();
  for (const agent of [httpAgent, httpsAgent]) {
    for (const socket of Object.values(agent?.freeSockets ?? {}).flat()) socket?.destroy();
  }
}

/** What the clients reach Node's network with, as far as it matters here; agents are made at the first request. */
interface NodeHandler {
  httpHandlerConfigs(): { readonly httpAgent?: Agent; readonly httpsAgent?: Agent };
}

/** Runs one operation of the SDK and aborts it when `timeout` is over; the SDK's error passes through. */
export async function within<T>(timeout: number, send: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeout);
  try {
    return await send(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What callers see of an SDK error: its name and nothing else, because its message may quote the request.
 * @param operation what failed, as it goes after "could not", e.g. `read an item of the table token-broker-tokens`
 */
export function storeUnavailable(operation: string, error: unknown): StoreUnavailable {
  const name = errorName(error);
  const throttled = THROTTLING.includes(name);
  const invalid = INVALID.includes(name);
  return new StoreUnavailable(`The broker could not ${operation}: ${name}.`, { throttled, invalid });
}

/**
 * Stores what must not be lost alone, if the store does not take it in company; a store has only one name for all that
 * it finds wrong with a value, and its size (400 KB an item, 64 KB a secret) is what vendors decide.
 */
export async function aloneIfTooLarge<T>(together: () => Promise<T>, alone: () => Promise<T>): Promise<T> {
  try {
    return await together();
  } catch (error) {
    if (error instanceof StoreUnavailable && error.invalid) return alone();
    throw error;
  }
}

/** DynamoDB's and Secrets Manager's names for "too many requests". */
const THROTTLING = ['ThrottlingException', 'ProvisionedThroughputExceededException', 'RequestLimitExceeded'];

/** DynamoDB's and Secrets Manager's names for "this request will never do". */
const INVALID = ['ValidationException', 'InvalidParameterException'];

/** The service's error name, e.g. `ThrottlingException`, or the network's, e.g. `ECONNREFUSED`. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer in time';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
