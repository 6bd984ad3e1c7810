import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parseBody } from '../../contract/body.ts';
import { BrokerError, type ErrorCode } from '../../contract/errors.ts';
import type { ConnectionAnswer } from '../../contract/messages.ts';
import { type CallerOperation, isCallerRoute, matchRoute, ROUTES } from '../../contract/routes.ts';
import { parseConsentCompletion, parseConsentRequest, parseTokenRequest } from '../../contract/schemas.ts';
import type { AwsCredentialsProvider } from '../credentials.ts';
import { defaultAnswers, type FakeAnswers } from './fake-answers.ts';

/**
 * A request that the fake broker has got.
 * @example
 * ```ts
 * import type { FakeRequest } from 'token-broker/testing';
 * const isForAda = ({ body }: FakeRequest) => body.subject === 'ada';
 * ```
 */
export interface FakeRequest {
  readonly operation: CallerOperation;
  /** Empty for a list of connections. */
  readonly connection: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, string>>;
}

/**
 * What is told of a failure, beside its code.
 * @example
 * ```ts
 * import type { FakeFailure } from 'token-broker/testing';
 * const once: FakeFailure = { retryAfter: 0, times: 1 };
 * ```
 */
export interface FakeFailure {
  readonly description?: string;
  /** Seconds. */
  readonly retryAfter?: number;
  /** The vendor's own error code. */
  readonly vendorError?: string;
  /** How many requests fail; then it is as before. Default: all. */
  readonly times?: number;
  /** Which requests fail. Default: `token`. */
  readonly operation?: keyof FakeAnswers;
}

/**
 * A broker that answers as it is told. It checks requests as the broker does, and that they are signed, but no signature.
 * @example
 * ```ts
 * import type { FakeBroker } from 'token-broker/testing';
 * const sayNothingOfAda = (broker: FakeBroker) => broker.fail('logs-portal', 'consent_required');
 * ```
 */
export interface FakeBroker {
  /** For `createTokenClient({ endpoint })`; as `AWS_ENDPOINT_URL`, for direct invoke, whatever the function's name. */
  readonly endpoint: string;
  /** Any would do. */
  readonly credentials: AwsCredentialsProvider;
  /** All that came so far, in order. */
  readonly requests: readonly FakeRequest[];
  /** Requests are answered with these members, beside those that they are answered with by default. */
  answer<Operation extends keyof FakeAnswers = 'token'>(
    connection: string,
    members: Partial<FakeAnswers[Operation]>,
    options?: { readonly operation?: Operation; readonly times?: number },
  ): void;
  /** Requests fail with one of the broker's codes. */
  fail(connection: string, code: ErrorCode, failure?: FakeFailure): void;
  /** Forgets requests and what it was told. */
  reset(): void;
  close(): Promise<void>;
}

interface Script {
  readonly operation: keyof FakeAnswers;
  readonly connection: string;
  readonly outcome: object | BrokerError;
  left: number;
}

/**
 * Starts a broker on a free port of this machine.
 * @param connections those that there are, by name, with what is to be said of them
 * @example
 * ```ts
 * import { createTokenClient } from 'token-broker';
 * import { startFakeBroker } from 'token-broker/testing';
 * const broker = await startFakeBroker({ 'crash-symbols': { api_hosts: ['127.0.0.1:3000'] } });
 * const client = createTokenClient({ endpoint: broker.endpoint }, { credentials: broker.credentials });
 * broker.fail('crash-symbols', 'busy', { times: 1 });
 * const { accessToken } = await client.token('crash-symbols');
 * await broker.close();
 * ```
 */
export async function startFakeBroker(
  connections: Readonly<Record<string, Partial<ConnectionAnswer>>>,
): Promise<FakeBroker> {
  const requests: FakeRequest[] = [];
  const scripts: Script[] = [];
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  // A test that forgets to close it ends all the same.
  server.unref();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let defaults = defaultAnswers(connections, endpoint);

  return {
    endpoint,
    credentials: async () => ({ accessKeyId: 'fake', secretAccessKey: 'fake' }),
    requests,
    answer: (connection, members, { operation, times = Infinity } = {}) =>
      script({ connection, operation: operation ?? 'token', outcome: members, left: times }),
    fail: (connection, code, { operation = 'token', times = Infinity, description, ...details } = {}) =>
      script({
        connection,
        operation,
        outcome: new BrokerError(
          code,
          description ?? `The fake broker was told to fail with ${code}.`,
          details,
        ),
        left: times,
      }),
    reset() {
      requests.length = 0;
      scripts.length = 0;
      defaults = defaultAnswers(connections, endpoint);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  function script(next: Script): void {
    if (!Object.hasOwn(connections, next.connection)) throw new TypeError(unknown(next.connection).message);
    scripts.push(next);
  }

  function unknown(connection: string): BrokerError {
    const known = Object.keys(connections).join(', ') || 'none';
    return new BrokerError('unknown_connection', `The fake broker has no ${connection}; it has: ${known}.`);
  }

  function described(connection: string): ConnectionAnswer {
    return defaults.describe({ connection, body: {} });
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', endpoint);
    const body = await buffer(request);
    const isSigned = request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ');
    if (!isSigned) return reply(response, 403, { message: 'Forbidden' });
    const read = () => parseBody(body, request.headers['content-type']);
    const query = Object.fromEntries(url.searchParams);
    if (url.pathname.startsWith('/2015-03-31/functions/')) {
      const { Qualifier: connection = '' } = query;
      const outcome = outcomeOf({ operation: 'token', connection, query: {} }, read);
      return outcome instanceof BrokerError
        ? functionError(response, outcome)
        : reply(response, 200, outcome);
    }
    const route = matchRoute(request.method ?? '', url.pathname);
    if (!route || !isCallerRoute(route.key)) return reply(response, 404, { message: 'Not Found' });
    const { operation } = ROUTES[route.key];
    const outcome = outcomeOf({ operation, connection: route.parameters.connection ?? '', query }, read);
    if (!(outcome instanceof BrokerError)) return reply(response, 200, outcome);
    const answer = outcome.toJSON();
    const { retry_after } = answer;
    reply(
      response,
      outcome.status,
      answer,
      retry_after === undefined ? {} : { 'retry-after': `${retry_after}` },
    );
  }

  function outcomeOf(asked: Omit<FakeRequest, 'body'>, read: () => FakeRequest['body']): object {
    const { operation, connection } = asked;
    try {
      const isKnown = Object.hasOwn(connections, connection);
      if (operation !== 'list' && !isKnown) return unknown(connection);
      const body = read();
      CHECKS[operation]?.(body);
      requests.push({ ...asked, body });
      if (operation === 'list') return { connections: Object.keys(connections).map(described) };
      const told = scripts.findLast(
        (each) => each.operation === operation && each.connection === connection && each.left > 0,
      );
      if (told) told.left -= 1;
      if (told?.outcome instanceof BrokerError) return told.outcome;
      return { ...defaults[operation]({ connection, body }), ...told?.outcome };
    } catch (error) {
      if (error instanceof BrokerError) return error;
      throw error;
    }
  }
}

/** What the broker refuses, the fake one refuses as well. */
const CHECKS: Partial<Record<CallerOperation, (body: unknown) => unknown>> = {
  token: parseTokenRequest,
  startConsent: parseConsentRequest,
  proceedConsent: parseConsentCompletion,
};

/** As Lambda answers for a function that failed. */
function functionError(response: ServerResponse, error: BrokerError): void {
  const answer = { errorType: error.code, errorMessage: JSON.stringify(error), trace: [] };
  reply(response, 200, answer, { 'x-amz-function-error': 'Unhandled' });
}

function reply(
  response: ServerResponse,
  status: number,
  answer: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(answer));
}
