/** Lambda's Invoke for the functions that are invoked directly: aliases, function errors and all. */

import { randomUUID } from 'node:crypto';
import { FUNCTIONS } from '../../../shared/contract/names.ts';
import { functionArn, type LocalHandlers, run } from '../handlers.ts';
import type { Answer, Received } from '../http.ts';
import type { AwsService } from './endpoint.ts';
import { AwsError, awsAnswer } from './errors.ts';

interface LambdaOptions {
  /** A promise, because the handlers are composed of clients of the very endpoint that serves this. */
  readonly handlers: Promise<LocalHandlers>;
  /** Names of the connections: the aliases of the invoke function. */
  readonly aliases: readonly string[];
}

interface Target {
  readonly handler: 'invoke' | 'refresh';
  readonly qualifier: string | undefined;
}

/** Lambda's own quotas, in bytes. */
const SYNCHRONOUS_LIMIT = 6 * 1024 * 1024;
const ASYNCHRONOUS_LIMIT = 1024 * 1024;

export function lambdaService({ handlers, aliases }: LambdaOptions): AwsService {
  return async (request) => {
    const target = targetOf(request, aliases);
    const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    const event = eventOf(request, type === 'Event' ? ASYNCHRONOUS_LIMIT : SYNCHRONOUS_LIMIT);
    if (type === 'DryRun') return { status: 204 };
    const invocation = invoke((await handlers)[target.handler], event, target);
    if (type === 'RequestResponse') return invocation;
    if (type !== 'Event') {
      throw new AwsError(
        'InvalidParameterValueException',
        `InvocationType is ${type}; allowed are RequestResponse, Event and DryRun`,
      );
    }
    // Nobody waits for it: its failure, like the function's in Lambda, is in the function's own log.
    return { status: 202, headers: { 'x-amzn-requestid': randomUUID() } };
  };
}

async function invoke(
  handler: LocalHandlers['invoke'],
  event: unknown,
  { handler: key, qualifier }: Target,
): Promise<Answer> {
  const requestId = randomUUID();
  const headers = { 'x-amzn-requestid': requestId, 'x-amz-executed-version': '$LATEST' };
  try {
    const settings = {
      ...FUNCTIONS[key],
      requestId,
      ...(qualifier === undefined ? {} : { qualifier }),
    };
    const result = await run(handler, event, settings);
    return awsAnswer(200, result ?? null, { ...headers, 'content-type': 'application/json' });
  } catch (error) {
    return awsAnswer(200, errorPayload(error), {
      ...headers,
      'content-type': 'application/json',
      'x-amz-function-error': 'Unhandled',
    });
  }
}

/** As Lambda's Node.js runtime reports a rejected handler. */
function errorPayload(error: unknown): { errorType: string; errorMessage: string; trace: string[] } {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  const trace = error.stack ? error.stack.split('\n') : [];
  return { errorType: error.name, errorMessage: error.message, trace };
}

function eventOf({ body }: Received, limit: number): unknown {
  if (body.length > limit) {
    throw new AwsError('RequestTooLargeException', `The payload is larger than ${limit} bytes`, 413);
  }
  if (body.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new AwsError('InvalidRequestContentException', 'Could not parse request body into json');
  }
}

/**
 * The function may be named plainly, as `NAME:QUALIFIER`, by a partial or by a full ARN; the qualifier may
 * come in the query as well, but then it must be the same.
 */
function targetOf({ method, rawPath, rawQuery }: Received, aliases: readonly string[]): Target {
  const path = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(rawPath);
  if (!path || method !== 'POST') {
    throw new AwsError('UnknownOperationException', 'Of Lambda only Invoke is served here', 404);
  }
  const reference = decode(path[1]!);
  const match = /^(?:(?:arn:aws:lambda:us-east-1:)?000000000000:function:)?([\w-]+)(?::([\w$-]+))?$/.exec(
    reference,
  );
  const inQuery = new URLSearchParams(rawQuery).get('Qualifier') ?? undefined;
  const inName = match?.[2];
  if (inName !== undefined && inQuery !== undefined && inName !== inQuery) {
    throw new AwsError(
      'InvalidParameterValueException',
      'The derived qualifier from the function name does not match the specified qualifier.',
    );
  }
  const qualifier = inName ?? inQuery;
  const handler = (['invoke', 'refresh'] as const).find((key) => FUNCTIONS[key].name === match?.[1]);
  if (handler === undefined || !exists(handler, qualifier, aliases)) {
    const arn = match ? functionArn(match[1]!, qualifier) : reference;
    throw new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, 404);
  }
  return { handler, qualifier };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AwsError('InvalidParameterValueException', 'FunctionName is not valid percent-encoded UTF-8');
  }
}

function exists(
  handler: Target['handler'],
  qualifier: string | undefined,
  aliases: readonly string[],
): boolean {
  if (qualifier === undefined || qualifier === '$LATEST' || qualifier === '1') return true;
  return handler === 'invoke' && aliases.includes(qualifier);
}
