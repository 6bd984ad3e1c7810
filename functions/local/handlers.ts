/**
 * The functions of the deployment as the local program runs them, and a stand-in for Lambda's runtime:
 * each call gets a fresh context and a time limit.
 */
import { randomUUID } from 'node:crypto';
import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyEventV2WithIAMAuthorizer,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import { LOCAL_ACCOUNT, LOCAL_REGION } from './identities.ts';

/** The deployed handlers' shapes; the very same functions run here. */
export interface LocalHandlers {
  https(
    event: APIGatewayProxyEventV2WithIAMAuthorizer,
    context: Context,
  ): Promise<APIGatewayProxyStructuredResultV2>;
  callback(event: APIGatewayProxyEventV2, context: Context): Promise<APIGatewayProxyStructuredResultV2>;
  invoke(event: unknown, context: Context): Promise<unknown>;
  refresh(event: unknown, context: Context): Promise<unknown>;
}

/** A function ran out of time, as Lambda names it. */
export class TimedOut extends Error {
  override readonly name = 'Sandbox.Timedout';

  constructor(requestId: string, timeout: number) {
    super(`RequestId: ${requestId} Error: Task timed out after ${(timeout / 1000).toFixed(2)} seconds`);
    this.stack = '';
  }
}

export function functionArn(name: string, qualifier?: string): string {
  const arn = `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}

export interface Run {
  readonly name: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** Alias or version in the ARN that was called. */
  readonly qualifier?: string;
  readonly requestId?: string;
}

/** Runs one invocation. @throws what the handler throws, or TimedOut */
export async function run<E, R>(
  handler: (event: E, context: Context) => Promise<R>,
  event: E,
  { name, timeout, qualifier, requestId = randomUUID() }: Run,
): Promise<R> {
  const deadline = performance.now() + timeout;
  const remaining = () => Math.max(0, Math.round(deadline - performance.now()));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new TimedOut(requestId, timeout)), timeout);
  try {
    return await Promise.race([
      handler(event, contextOf(name, qualifier, requestId, remaining)),
      late.promise,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

function contextOf(
  name: string,
  qualifier: string | undefined,
  requestId: string,
  getRemainingTimeInMillis: () => number,
): Context {
  const unsupported = () => {
    throw new Error('Callback-style completion is not part of the Node.js 24 runtime');
  };
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn(name, qualifier),
    memoryLimitInMB: '256',
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'local',
    getRemainingTimeInMillis,
    done: unsupported,
    fail: unsupported,
    succeed: unsupported,
  };
}
