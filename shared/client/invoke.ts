/** Direct invoke: the Lambda Invoke API on the alias that is named as the connection. */
import type { AwsCredentialsProvider } from './credentials.ts';
import { errorOf, TokenBrokerError } from './errors.ts';
import { withRetries } from './retries.ts';
import { type Token, tokenOf } from './token.ts';
import { type Exchanged, exchange, retryAfterOf, type Transport } from './transport.ts';

export interface InvokeOptions {
  /** Name or unqualified ARN. */
  readonly functionName: string;
  /** Base URL of the Lambda API. */
  readonly endpoint: URL;
  readonly region: string;
  readonly credentials: AwsCredentialsProvider;
  /** Milliseconds for one call, repetitions included. */
  readonly timeout: number;
}

export function invokeTransport(options: InvokeOptions): Transport {
  const { functionName, endpoint, region, credentials, timeout } = options;
  const base = endpoint.href.replace(/\/+$/, '');
  return {
    token: (connection, body) =>
      withRetries(timeout, async (signal) => {
        const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/invocations?Qualifier=${connection}`;
        const request = {
          method: 'POST',
          url: new URL(base + path),
          service: 'lambda',
          region,
          credentials: await credentials(),
          headers: { 'content-type': 'application/json', 'x-amz-invocation-type': 'RequestResponse' },
          body: JSON.stringify(body),
        };
        return readInvocation(await exchange(request, signal), `${functionName}:${connection}`);
      }),
  };
}

function readInvocation({ response, answer, sentAt }: Exchanged, where: string): Token {
  if (!response.ok) throw serviceError(response, answer, where);
  if (!response.headers.has('x-amz-function-error')) return tokenOf(answer, sentAt);
  throw errorOf(errorMessageOf(answer)) ?? crashed(answer, where);
}

/** A failure of the broker: `errorMessage` is its JSON error object. */
function errorMessageOf(answer: unknown): unknown {
  const { errorMessage } = (answer ?? {}) as Record<string, unknown>;
  try {
    return JSON.parse(String(errorMessage));
  } catch {
    return undefined;
  }
}

/** A failure of Lambda's: out of time or memory, or a runtime that did not start. */
function crashed(answer: unknown, where: string): TokenBrokerError {
  const { errorType } = (answer ?? {}) as Record<string, unknown>;
  return new TokenBrokerError(
    'broker_unavailable',
    `The function ${where} failed (${String(errorType ?? 'no reason given')}).`,
  );
}

function serviceError(response: Response, answer: unknown, where: string): TokenBrokerError {
  const type = (response.headers.get('x-amzn-errortype') ?? '').split(':')[0] ?? '';
  const { Message, message = Message } = (answer ?? {}) as Record<string, unknown>;
  const reason = [type || response.status, message].filter(Boolean).join(': ');
  if (response.status === 404) {
    return new TokenBrokerError(
      'unknown_connection',
      `Lambda knows no ${where}: every connection is an alias of the broker's function (${reason}).`,
    );
  }
  if (response.status < 500 && response.status !== 429) {
    return new TokenBrokerError(
      'not_authorized',
      `Lambda refused to invoke ${where} (${reason}). Check that the credentials are valid and for this Region, that the clock ` +
        'is right, and that the role may lambda:InvokeFunction this alias.',
    );
  }
  return new TokenBrokerError('broker_unavailable', `Lambda could not invoke ${where} (${reason}).`, {
    retryAfter: retryAfterOf(response),
  });
}
