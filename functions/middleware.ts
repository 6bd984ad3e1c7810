/** What every deployed function has around its handler: log context, metrics, and for HTTP the error answers. */
import middy from '@middy/core';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { BrokerError } from '../shared/contract/errors.ts';
import { errorAnswer, internalError } from './http-answers.ts';
import type { Telemetry } from './telemetry.ts';

export function observed<Event, Result>(
  { log, flush }: Telemetry,
  handler: (event: Event, context: Context) => Promise<Result>,
) {
  return middy<Event, Result, Error, Context>()
    .use({ before: ({ context }) => log.begin(context), after: flush, onError: flush })
    .handler(handler);
}

/** For a function that answers in errors: each is counted, so that what Lambda counts beyond them crashed. */
export function throwing<Event, Result>(
  { failed }: Telemetry,
  handler: (event: Event, context: Context) => Promise<Result>,
): (event: Event, context: Context) => Promise<Result> {
  return async (event, context) => {
    try {
      return await handler(event, context);
    } catch (error) {
      failed();
      throw error;
    }
  };
}

/** Every failure becomes an error answer; a defect shows no more than the request id that its log line has. */
export function answered<Event>(
  handler: (event: Event, context: Context) => Promise<APIGatewayProxyStructuredResultV2>,
): (event: Event, context: Context) => Promise<APIGatewayProxyStructuredResultV2> {
  return async (event, context) => {
    try {
      return await handler(event, context);
    } catch (error) {
      return errorAnswer(error instanceof BrokerError ? error : internalError(context.awsRequestId));
    }
  };
}
