/**
 * A client of a service that speaks AWS's JSON protocol, put together from the SDK's own connections, retries, endpoint
 * rules, credentials and signatures. What the SDK's clients have beyond those (schemas of every operation and error, a
 * stack of middleware, configuration from many places) was a third of a bundle and a fifth of a cold start.
 *
 * JSON passes as it is: no operation of the broker has bytes or times in it that would have to be turned into something.
 */
import { doesIdentityRequireRefresh, isIdentityExpired, memoizeIdentityProvider } from '@smithy/core';
import {
  loadConfig,
  NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS,
  NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS,
} from '@smithy/core/config';
import { type HttpRequest, type HttpResponse, loadJsonRpcErrorCode } from '@smithy/core/protocols';
import {
  isServerError,
  isThrottlingError,
  isTransientError,
  StandardRetryStrategy,
} from '@smithy/core/retry';
import { Hash } from '@smithy/core/serde';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { SignatureV4 } from '@smithy/signature-v4';
import type { EndpointV2, RetryErrorType, RetryToken, SdkError } from '@smithy/types';
import type { ClientParts } from '../../../shared/aws/clients.ts';
import { defaultProvider } from '../credentials.ts';

/** What `shared/aws/clients.ts` says outright; the rest comes from the environment. */
export interface Options {
  readonly maxAttempts: number;
  readonly requestHandler: NodeHttpHandlerOptions;
}

export interface Service {
  /** As signatures have it, e.g. `dynamodb`. */
  readonly name: string;
  /** What ends the names of its environment variables, e.g. `DYNAMODB`. */
  readonly variable: string;
  /** What stands before the name of an operation, e.g. `DynamoDB_20120810`. */
  readonly target: string;
  readonly jsonVersion: '1.0' | '1.1';
  /** Its endpoint rules. @throws Error for what they do not know, such as no Region */
  readonly endpoint: (parameters: Readonly<Record<string, unknown>>) => EndpointV2;
}

export interface Command {
  readonly operation: string;
  readonly input: object;
}

interface SendOptions {
  readonly abortSignal: AbortSignal;
}

type Next = (sent: unknown) => Promise<unknown>;

export class Client implements ClientParts {
  readonly #service: Service;
  readonly #retries: StandardRetryStrategy;
  #url: URL | undefined;
  #around = (next: Next): Next => next;
  readonly config;
  readonly middlewareStack = {
    /** There is one, and it is around all attempts. */
    add: (middleware: (next: Next) => Next) => {
      this.#around = middleware;
    },
    /** @returns whether it was there: none of the SDK's is */
    remove: () => false,
  };

  constructor(service: Service, { maxAttempts, requestHandler }: Options) {
    this.#service = service;
    this.#retries = new StandardRetryStrategy(maxAttempts);
    const signer = signerFor(service.name);
    this.config = {
      requestHandler: new NodeHttpHandler(requestHandler),
      region: async () => process.env.AWS_REGION,
      signer: async () => signer,
    };
  }

  /** @throws Error named as the service, the network or the signal has it */
  send(command: Command, { abortSignal }: SendOptions): Promise<unknown> {
    return this.#around(() => this.#untilLastAttempt(command, abortSignal))(command);
  }

  async #untilLastAttempt(command: Command, signal: AbortSignal): Promise<unknown> {
    let token: RetryToken = await this.#retries.acquireInitialRetryToken('');
    for (;;) {
      try {
        const output = await this.#attempt(command, signal);
        this.#retries.recordSuccess(token as Parameters<StandardRetryStrategy['recordSuccess']>[0]);
        return output;
      } catch (error) {
        token = await unlessAborted(signal, this.#pauseAfter(error, token));
      }
    }
  }

  /** @throws the error, where there is to be no other attempt */
  async #pauseAfter(error: unknown, token: RetryToken): Promise<RetryToken> {
    const errorType = kindOf(error as SdkError);
    return this.#retries.refreshRetryTokenForRetry(token as never, { errorType }).catch(() => {
      throw error;
    });
  }

  async #attempt({ operation, input }: Command, abortSignal: AbortSignal): Promise<unknown> {
    this.#url ??= await endpointOf(this.#service);
    const { protocol, hostname, port, host, pathname: path } = this.#url;
    const { target, jsonVersion } = this.#service;
    const headers = {
      host,
      'content-type': `application/x-amz-json-${jsonVersion}`,
      'x-amz-target': `${target}.${operation}`,
      'user-agent': 'token-broker',
    };
    const unsigned = { method: 'POST', protocol, hostname, path, headers, body: JSON.stringify(input) };
    const signer = await this.config.signer();
    const signed = await signer.sign({ ...unsigned, ...(port && { port: Number(port) }) });
    const { response } = await this.config.requestHandler.handle(signed as HttpRequest, { abortSignal });
    return outputOf(response);
  }
}

function signerFor(service: string): SignatureV4 {
  return new SignatureV4({
    service,
    region: process.env.AWS_REGION ?? '',
    credentials: memoizeIdentityProvider(defaultProvider(), isIdentityExpired, doesIdentityRequireRefresh)!,
    sha256: Hash.bind(undefined, 'sha256'),
  });
}

async function endpointOf({ variable, endpoint }: Service): Promise<URL> {
  const [UseFIPS, UseDualStack] = await Promise.all([
    loadConfig(NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS)(),
    loadConfig(NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS)(),
  ]);
  const { AWS_REGION, AWS_ENDPOINT_URL, [`AWS_ENDPOINT_URL_${variable}`]: own } = process.env;
  const Endpoint = own || AWS_ENDPOINT_URL;
  return endpoint({ Region: AWS_REGION, UseFIPS, UseDualStack, ...(Endpoint && { Endpoint }) }).url;
}

async function outputOf(response: HttpResponse): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const output = parsed(Buffer.concat(chunks).toString() || '{}', response);
  if (response.statusCode >= 300) throw new ServiceError(response, output);
  return output;
}

/** What is no JSON may come from whatever stands in between: by its status it is seen whether another attempt may do. */
function parsed(text: string, { statusCode }: HttpResponse) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw Object.assign(error as SyntaxError, { $metadata: { httpStatusCode: statusCode } });
  }
}

class ServiceError extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(response: HttpResponse, output: { readonly message?: string; readonly Message?: string }) {
    super(output.message ?? output.Message);
    this.name = loadJsonRpcErrorCode(response, output) ?? 'Unknown';
    this.$metadata = { httpStatusCode: response.statusCode };
  }
}

function kindOf(error: SdkError): RetryErrorType {
  if (isThrottlingError(error)) return 'THROTTLING';
  if (isTransientError(error)) return 'TRANSIENT';
  return isServerError(error) ? 'SERVER_ERROR' : 'CLIENT_ERROR';
}

async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) abort();
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
