/** What every deployed function has around its handler: log context, metrics, and for HTTP the error answers. */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { BrokerError } from '../shared/contract/errors.ts';
import { errorAnswer, internalError } from './http-answers.ts';
import type { Telemetry } from './telemetry.ts';

export function observed<Event, Result>(
  { logger, metrics }: Telemetry,
  handler: (event: Event, context: Context) => Promise<Result>,
) {
  return middy<Event, Result, Error, Context>()
    .use(injectLambdaContext(logger))
    .use(logMetrics(metrics))
    .handler(handler);
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
