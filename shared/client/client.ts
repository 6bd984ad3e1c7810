import { CONNECTION_NAME, type ConnectionAnswer } from '../contract/messages.ts';
import { apiFetch } from './api-fetch.ts';
import { vendorApis } from './apis.ts';
import { type BrokerApi, brokerApi } from './broker-api.ts';
import { type AwsCredentialsProvider, defaultCredentials, remembered } from './credentials.ts';
import { TokenBrokerError } from './errors.ts';
import { httpsTransport } from './https.ts';
import { invokeTransport } from './invoke.ts';
import { type Management, management, tokensOnly } from './management.ts';
import { lambdaEndpoint, regionOf, secureUrl } from './region.ts';
import type { Token } from './token.ts';
import { TokenCache, type TokenOptions } from './token-cache.ts';
import type { Transport } from './transport.ts';

/**
 * Which broker, and how it is reached.
 * @example
 * ```ts
 * import type { BrokerLocation } from 'token-broker';
 * const overHttps: BrokerLocation = { endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' };
 * const direct: BrokerLocation = { functionName: 'token-broker-invoke' };
 * ```
 */
export type BrokerLocation =
  /** Base URL of the HTTPS routes. */
  | { readonly endpoint: string; readonly functionName?: never }
  /** Name or ARN of the direct-invoke function; each connection is an alias of it. */
  | { readonly functionName: string; readonly endpoint?: never };

/**
 * What a client is made with, beside where its broker is.
 * @example
 * ```ts
 * import type { TokenClientOptions } from 'token-broker';
 * const options: TokenClientOptions = { region: 'eu-west-1', timeout: 10_000 };
 * ```
 */
export interface TokenClientOptions {
  /**
   * By connection, the hosts of the vendor's API (with the port unless it is 443). Default: the broker is asked,
   * which takes HTTPS and the action `read`.
   */
  readonly apiHosts?: Readonly<Record<string, readonly string[]>>;
  /** By connection in `apiHosts`, the statuses by which the API refuses a token. Default: 401. */
  readonly rejectionStatuses?: Readonly<Record<string, readonly number[]>>;
  /** Default: that of the endpoint or the ARN, else AWS_REGION. */
  readonly region?: string;
  /** Any of the AWS SDK's providers. Default: the SDK's default chain. */
  readonly credentials?: AwsCredentialsProvider;
  /** Milliseconds for one call of the broker, repetitions included. Default: 30,000. */
  readonly timeout?: number;
}

/**
 * A client of one broker, which keeps the tokens of its process.
 * @example
 * ```ts
 * import type { TokenClient } from 'token-broker';
 * const upload = (broker: TokenClient, body: string) =>
 *   broker.fetch('crash-symbols', 'https://app.bugsplat.com/api/versions', { method: 'POST', body });
 * ```
 */
export interface TokenClient extends Management {
  /**
   * A token that is valid now.
   * @throws TokenBrokerError, or the signal's reason when it is aborted
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ functionName: 'token-broker-invoke' });
   * const token = await broker.token('onboarding', { minTtl: 60, signal: AbortSignal.timeout(5_000) });
   * ```
   */
  token(connection: string, options?: TokenOptions & { readonly signal?: AbortSignal }): Promise<Token>;
  /**
   * `fetch` with the connection's token, to the hosts that the connection allows. When the API refuses the token,
   * the request is sent once more with a new one, unless its body is a stream.
   * @throws TokenBrokerError, or what fetch throws
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
   * const response = await broker.fetch('crash-symbols', 'https://app.bugsplat.com/api/versions');
   * ```
   */
  fetch(connection: string, url: string | URL, init?: RequestInit, options?: TokenOptions): Promise<Response>;
  /**
   * The connection as the broker sees it.
   * @throws TokenBrokerError; `invalid_request` by direct invoke, which knows tokens only
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
   * const { grant_status } = await broker.connection('logs-portal');
   * ```
   */
  connection(connection: string): Promise<ConnectionAnswer>;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * @throws TypeError naming the option that cannot be used
 * @example
 * ```ts
 * import { createTokenClient } from 'token-broker';
 * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
 * const { authorization } = await broker.token('crash-symbols');
 * ```
 */
export function createTokenClient(location: BrokerLocation, options: TokenClientOptions = {}): TokenClient {
  const { api, ...transport } = transportTo(location, options);
  const { describe } = transport;
  const tokens = new TokenCache({ request: transport.token, now: Date.now });
  const apiOf = vendorApis({
    apiHosts: options.apiHosts ?? {},
    rejectionStatuses: options.rejectionStatuses ?? {},
    describe,
    now: Date.now,
  });
  return {
    async token(connection, { signal, ...ask } = {}) {
      const get = () => tokens.get({ ...ask, connection: checked(connection) });
      return signal ? unlessAborted(signal, get) : get();
    },

    fetch(connection, url, init = {}, ask = {}) {
      return unlessAborted(init.signal ?? undefined, async () =>
        apiFetch({ tokens, apiOf }, { ...ask, connection: checked(connection) }, url, init),
      );
    },

    async connection(connection) {
      if (describe) return describe(checked(connection));
      throw tokensOnly();
    },

    ...management(api, checked),
  };
}

function transportTo(
  { endpoint, functionName }: BrokerLocation,
  options: TokenClientOptions,
): Transport & { readonly api?: BrokerApi } {
  const timeout = options.timeout ?? DEFAULT_TIMEOUT;
  if (!(timeout > 0)) throw new TypeError('timeout: must be a number of milliseconds above 0.');
  const credentials = remembered(options.credentials ?? defaultCredentials());
  if (endpoint !== undefined) {
    const url = secureUrl(endpoint, 'endpoint');
    const region = options.region ?? regionOf({ endpoint: url });
    const api = brokerApi({ endpoint: url, region, credentials, timeout });
    return { ...httpsTransport(api), api };
  }
  if (!functionName) throw new TypeError('createTokenClient needs an `endpoint` or a `functionName`.');
  const region = options.region ?? regionOf({ functionName });
  return invokeTransport({ functionName, endpoint: lambdaEndpoint(region), region, credentials, timeout });
}

function checked(connection: string): string {
  if (CONNECTION_NAME.test(connection)) return connection;
  throw new TokenBrokerError(
    'invalid_request',
    'connection: a name is 1 to 64 letters, digits, hyphens and underscores, and not digits alone.',
  );
}

/** One caller's abort is no other's: the work goes on, and its outcome is kept for the next who asks. */
async function unlessAborted<T>(signal: AbortSignal | undefined, work: () => T | Promise<T>): Promise<T> {
  if (!signal) return work();
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
