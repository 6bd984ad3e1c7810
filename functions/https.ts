/**
 * The HTTPS routes. API Gateway has authorized the request with IAM and says who the caller is; the route key
 * says which operation it is.
 */
import type {
  APIGatewayProxyEventV2WithIAMAuthorizer,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import type { Ask, Operation } from '../shared/broker/audit.ts';
import { accessDenied } from '../shared/broker/authorize.ts';
import type { Caller } from '../shared/broker/caller.ts';
import type { Span } from '../shared/broker/request.ts';
import { parseBody } from '../shared/contract/body.ts';
import { BrokerError } from '../shared/contract/errors.ts';
import type { Broker } from './compose.ts';
import { jsonAnswer } from './http-answers.ts';

export type HttpsEvent = APIGatewayProxyEventV2WithIAMAuthorizer;
export type HttpsHandler = (
  event: HttpsEvent,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

interface Received {
  readonly event: HttpsEvent;
  readonly caller: Caller;
  readonly span: Span;
}
type Route = (broker: Broker, received: Received) => Promise<object>;

const ROUTES: Readonly<Record<string, Route>> = {
  'POST /connections/{connection}/token': (broker, received) => run(broker.token, received, bodyOf),
  'GET /connections': listConnections,
  'GET /connections/{connection}': (broker, received) => run(broker.describe, received, subjectOf),
  'GET /connections/{connection}/userinfo': (broker, received) => run(broker.userinfo, received, subjectOf),
  'POST /connections/{connection}/consent': (broker, received) => run(broker.startConsent, received, bodyOf),
  'POST /connections/{connection}/consent/{consent}': (broker, received) =>
    run(broker.proceedConsent, received, (event) => ({
      consent: event.pathParameters?.consent ?? '',
      body: bodyOf(event),
    })),
  'DELETE /connections/{connection}/grants/{subject}': (broker, received) =>
    run(broker.revoke, received, (event) => ({
      subject: event.pathParameters?.subject,
      force: event.queryStringParameters?.force,
    })),
};

/**
 * The only paths that are served, as they travel. Whoever normalises paths between the caller's policy and us
 * must not make one connection's path out of another's: no doubled, trailing or encoded slash, no dots.
 */
const CANONICAL_PATH =
  /^\/connections(?:\/[A-Za-z0-9_-]{1,64}(?:\/(?:token|userinfo|consent(?:\/[A-Za-z0-9_-]{1,128})?|grants\/(?!\.{1,2}$)(?:(?!%2f)[^/])+))?)?$/i;

export function httpsHandler(broker: Broker): HttpsHandler {
  return async (event, context) => {
    const route = ROUTES[event.routeKey];
    if (!route || !CANONICAL_PATH.test(event.rawPath)) throw accessDenied();
    const begunAt = Date.now();
    const span = { begunAt, endsAt: begunAt + context.getRemainingTimeInMillis() };
    const caller: Caller = { arn: event.requestContext.authorizer?.iam?.userArn ?? '', via: 'https' };
    return jsonAnswer(200, await route(broker, { event, caller, span }));
  };
}

function run<Input, Output extends object>(
  operation: Operation<Input, Output>,
  { event, caller, span }: Received,
  input: (event: HttpsEvent) => Input,
): Promise<Output> {
  const connection = event.pathParameters?.connection ?? '';
  const ask: Ask<Input> = { caller, connection, span, input: () => input(event) };
  return operation(ask);
}

/** Every connection that the caller may read; one that cannot be looked at is shown with the reason. */
async function listConnections(broker: Broker, { caller, span }: Received): Promise<object> {
  const names = broker.list(caller);
  const describe = async (connection: string) => {
    try {
      return await broker.describe({ caller, connection, span, input: () => undefined });
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return { connection, last_failure: { error: error.code, at: new Date(span.begunAt).toISOString() } };
    }
  };
  return { connections: await Promise.all(names.map(describe)) };
}

function bodyOf(event: HttpsEvent): unknown {
  const { body, isBase64Encoded, headers } = event;
  return parseBody(isBase64Encoded ? Buffer.from(body ?? '', 'base64') : body, headers['content-type']);
}

function subjectOf(event: HttpsEvent): string | undefined {
  return event.queryStringParameters?.subject;
}
