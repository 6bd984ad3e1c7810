/** Events and contexts as Lambda and API Gateway make them, for calling the handlers themselves. */
import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { HttpsEvent } from '../../functions/https.ts';
import { matchRoute } from '../../shared/contract/routes.ts';

export const INVOKE_ARN = 'arn:aws:lambda:us-east-1:111122223333:function:token-broker-invoke';

export interface HttpsRequest {
  /** `METHOD /path` as it travels, without the query. */
  readonly request: string;
  /** Route key; found from the path unless given. */
  readonly route?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** `null`: none. */
  readonly contentType?: string | null;
  /** ARN as IAM gives it; `null`: the route was not authorized by IAM. */
  readonly caller?: string | null;
}

/** An event of payload format 2.0; bytes travel as base64, as API Gateway does it with what is no text. */
export function httpsEvent(wish: HttpsRequest): HttpsEvent {
  const [method = '', path = ''] = wish.request.split(/ (.*)/s);
  const { route, pathParameters } = matched(method, path);
  const { body, contentType = 'application/json', caller = 'arn:aws:iam::111122223333:user/ci' } = wish;
  const binary = body instanceof Uint8Array;
  const routeKey = wish.route ?? route;
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: String(new URLSearchParams(wish.query)),
    headers: contentType === null ? {} : { 'content-type': contentType },
    ...(wish.query && { queryStringParameters: { ...wish.query } }),
    requestContext: {
      accountId: '111122223333',
      apiId: 'api',
      ...(caller !== null && { authorizer: { iam: identity(caller) } }),
      domainName: 'api.example',
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: '',
      timeEpoch: 0,
    } as HttpsEvent['requestContext'],
    ...(body !== undefined && { body: binary ? Buffer.from(body).toString('base64') : (body as string) }),
    isBase64Encoded: binary,
    ...(pathParameters && { pathParameters }),
  };
}

/** With the ARN that was invoked, and the time that is left, in milliseconds. */
export function lambdaContext(invokedFunctionArn = INVOKE_ARN, remaining = 29_000): Context {
  const endsAt = Date.now() + remaining;
  const unsupported = () => {
    throw new Error('Not in the Node.js 24 runtime');
  };
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'token-broker',
    functionVersion: '1',
    invokedFunctionArn,
    memoryLimitInMB: '512',
    awsRequestId: randomUUID(),
    logGroupName: '/aws/lambda/token-broker',
    logStreamName: 'test',
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
    done: unsupported,
    fail: unsupported,
    succeed: unsupported,
  };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export function answerOf({ statusCode, headers, body = '' }: APIGatewayProxyStructuredResultV2): HttpAnswer {
  return { status: statusCode ?? 200, headers: headers ?? {}, text: body, body: JSON.parse(body) };
}

function identity(userArn: string) {
  return {
    accessKey: 'AKIA',
    accountId: '111122223333',
    callerId: 'id',
    cognitoIdentity: null,
    principalOrgId: 'o-1',
    userArn,
    userId: 'id',
  };
}

/** API Gateway decodes what it puts into path parameters. */
function matched(method: string, path: string): { route: string; pathParameters?: Record<string, string> } {
  const found = matchRoute(method, path);
  if (!found) return { route: '$default' };
  const parameters = Object.entries(found.parameters).map(([name, value]) => [name, decoded(value)]);
  return {
    route: found.key,
    ...(parameters.length > 0 && { pathParameters: Object.fromEntries(parameters) }),
  };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
