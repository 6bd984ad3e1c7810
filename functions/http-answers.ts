import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { BrokerError } from '../shared/contract/errors.ts';

/** Nothing that the broker answers may be kept by anybody on the way. */
const HEADERS = Object.freeze({
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
});

export function jsonAnswer(
  statusCode: number,
  body: object,
  headers?: Record<string, string>,
): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: headers ? { ...HEADERS, ...headers } : HEADERS, body: JSON.stringify(body) };
}

export function errorAnswer(error: BrokerError): APIGatewayProxyStructuredResultV2 {
  const body = error.toJSON();
  const headers: Record<string, string> = {};
  if (body.retry_after !== undefined) headers['retry-after'] = String(body.retry_after);
  return jsonAnswer(error.status, body, headers);
}

/** What a defect looks like from outside: a request id to look it up by, and nothing else. */
export function internalError(requestId: string): BrokerError {
  return new BrokerError('internal', `Internal error. Request id: ${requestId}`);
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
