import type { AwsCredentialsProvider } from './credentials.ts';
import { errorOf, TokenBrokerError } from './errors.ts';
import { withRetries } from './retries.ts';
import { exchange, retryAfterOf } from './transport.ts';

export interface BrokerApiOptions {
  /** Base URL of the HTTPS routes. */
  readonly endpoint: URL;
  readonly region: string;
  readonly credentials: AwsCredentialsProvider;
  /** Milliseconds for one call, repetitions included. */
  readonly timeout: number;
}

/**
 * Calls a route of the broker, signed, and again where that may help.
 * @param path with its leading slash, percent-encoded; may have a query
 * @returns the answer's JSON, and when the request that got it was sent (milliseconds since the epoch)
 * @throws TokenBrokerError
 */
export type BrokerApi = (
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
) => Promise<{ readonly answer: unknown; readonly sentAt: number }>;

export function brokerApi({ endpoint, region, credentials, timeout }: BrokerApiOptions): BrokerApi {
  const base = endpoint.href.replace(/\/+$/, '');
  return (method, path, body) =>
    withRetries(timeout, async (signal) => {
      const request = {
        method,
        url: new URL(base + path),
        service: 'execute-api',
        region,
        credentials: await credentials(),
        ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      };
      const { response, answer, sentAt } = await exchange(request, signal);
      if (response.ok && answer !== undefined) return { answer, sentAt };
      throw errorOf(answer) ?? gatewayError(response, answer, endpoint.host);
    });
}

/** What API Gateway says by itself, before or instead of the broker. */
function gatewayError(response: Response, answer: unknown, where: string): TokenBrokerError {
  const { status } = response;
  if (status === 401 || status === 403) {
    return new TokenBrokerError(
      'not_authorized',
      `IAM refused this call of ${where} (${messageOf(answer) ?? status}). Check that the credentials are valid and for this ` +
        'Region, that the clock is right, and that the role may execute-api:Invoke this route.',
    );
  }
  return new TokenBrokerError(
    'broker_unavailable',
    `The token broker at ${where} answered ${status} without saying why.`,
    {
      retryAfter: retryAfterOf(response),
    },
  );
}

/** The local broker gives a reason, API Gateway only `Forbidden`. */
function messageOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { reason, message } = answer as Record<string, unknown>;
  return [reason, message].find((text) => typeof text === 'string' && text !== '') as string | undefined;
}
