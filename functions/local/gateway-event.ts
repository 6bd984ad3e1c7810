/** Translates between HTTP and the events of API Gateway's HTTP APIs, payload format 2.0. */
import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyEventV2WithIAMAuthorizer,
  APIGatewayProxyStructuredResultV2,
} from 'aws-lambda';
import type { MatchedRoute } from '../../shared/contract/routes.ts';
import type { Answer, Received } from './http.ts';
import { type Identity, LOCAL_ACCOUNT } from './identities.ts';

/** Content types whose bodies API Gateway passes on as text. */
const TEXT =
  /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded)\b|application\/[\w.-]+\+(json|xml)\b)/i;

/** @param route with its parameters decoded */
export function eventOf(
  request: Received,
  route: MatchedRoute,
  requestId: string,
  now: number,
): APIGatewayProxyEventV2 {
  const { cookie, ...headers } = { ...request.headers };
  const query = new URLSearchParams(request.rawQuery);
  const joined = Object.fromEntries(
    [...new Set(query.keys())].map((name) => [name, query.getAll(name).join(',')]),
  );
  return {
    version: '2.0',
    routeKey: route.key,
    rawPath: request.rawPath,
    rawQueryString: request.rawQuery,
    ...(cookie === undefined ? {} : { cookies: cookie.split('; ') }),
    headers,
    ...(query.size === 0 ? {} : { queryStringParameters: joined }),
    requestContext: {
      accountId: LOCAL_ACCOUNT,
      apiId: 'local',
      domainName: request.headers.host ?? '',
      domainPrefix: 'local',
      http: {
        method: request.method,
        path: request.rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: request.sourceIp,
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: route.key,
      stage: '$default',
      time: accessLogTime(now),
      timeEpoch: now,
    },
    ...bodyOf(request),
    ...(Object.keys(route.parameters).length > 0 && { pathParameters: { ...route.parameters } }),
  };
}

export function withIdentity(
  event: APIGatewayProxyEventV2,
  { accessKey, accountId, arn, userId }: Identity,
): APIGatewayProxyEventV2WithIAMAuthorizer {
  // API Gateway sends null for what does not apply; its published type has no null here.
  const iam = {
    accessKey,
    accountId,
    callerId: userId,
    cognitoIdentity: null,
    principalOrgId: 'o-local',
    userArn: arn,
    userId,
  };
  return { ...event, requestContext: { ...event.requestContext, authorizer: { iam } } };
}

export function answerOf(result: APIGatewayProxyStructuredResultV2, requestId: string): Answer {
  const headers: Record<string, string | string[]> = { 'apigw-requestid': requestId };
  for (const [name, value] of Object.entries(result.headers ?? {}))
    headers[name.toLowerCase()] = String(value);
  headers['content-type'] ??= 'text/plain;charset=UTF-8';
  if (result.cookies) headers['set-cookie'] = result.cookies;
  const body = result.body ?? '';
  return {
    status: result.statusCode ?? 200,
    headers,
    body: result.isBase64Encoded ? Buffer.from(body, 'base64') : body,
  };
}

function bodyOf({ headers, body }: Received): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  const text = TEXT.test(headers['content-type'] ?? 'text/plain') ? decodeUtf8(body) : undefined;
  return text === undefined
    ? { body: body.toString('base64'), isBase64Encoded: true }
    : { body: text, isBase64Encoded: false };
}

/** `undefined` where the bytes are not UTF-8: as text they would arrive changed. */
function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** e.g. `12/Mar/2020:19:03:58 +0000` */
function accessLogTime(now: number): string {
  const [, day, month, year, time] = new Date(now).toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}
