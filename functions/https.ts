/**
 * The HTTPS routes that callers sign. API Gateway has authorized the request with IAM and says who the caller is;
 * the route key says which operation it is.
 */
import type {
  APIGatewayProxyEventV2WithIAMAuthorizer,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import { accessDenied } from '../shared/broker/authorize.ts';
import { httpsCaller } from '../shared/broker/caller.ts';
import type { Body } from '../shared/contract/body.ts';
import { callerOperation } from '../shared/contract/routes.ts';
import type { Broker } from './compose.ts';
import { jsonAnswer } from './http-answers.ts';

export type HttpsEvent = APIGatewayProxyEventV2WithIAMAuthorizer;
type HttpsHandler = (event: HttpsEvent, context: Context) => Promise<APIGatewayProxyStructuredResultV2>;

export function httpsHandler(broker: Broker): HttpsHandler {
  return async (event, context) => {
    const arn = event.requestContext.authorizer?.iam?.userArn ?? '';
    const operation = callerOperation(event.routeKey, event.rawPath);
    if (!operation) throw broker.refuseUnread(arn, accessDenied());
    const begunAt = Date.now();
    const answer = await broker[operation]({
      caller: httpsCaller(arn),
      connection: event.pathParameters?.connection ?? '',
      span: { begunAt, endsAt: begunAt + context.getRemainingTimeInMillis() },
      body: bodyOf(event),
      path: event.pathParameters,
      query: event.queryStringParameters,
    });
    return jsonAnswer(200, answer);
  };
}

function bodyOf({ body = '', isBase64Encoded, headers }: HttpsEvent): Body {
  return { content: body, base64: isBase64Encoded, contentType: headers['content-type'] };
}
