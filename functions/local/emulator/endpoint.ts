/**
 * One port that speaks the AWS wire protocols the broker and its operator need. What it serves is told
 * apart as AWS's own clients send it: by `X-Amz-Target`, by Lambda's path, or as a form.
 */
import { type Answer, type LocalServer, originRefusal, type Received, serve } from '../http.ts';
import { SignatureRefused, verifySignature } from '../sigv4.ts';
import { AwsError, errorAnswer, queryErrorAnswer } from './errors.ts';

/** Answers a request whose signature holds. @throws AwsError */
export type AwsService = (request: Received) => Promise<Answer>;

interface AwsServices {
  readonly lambda: AwsService;
  /** Absent where another endpoint has the data. */
  readonly dynamodb?: AwsService;
  readonly secretsmanager?: AwsService;
  readonly kms?: AwsService;
  readonly sts?: AwsService;
}

interface AwsEndpointOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly services: AwsServices;
  /** The secret of every key id. */
  readonly key: string;
  /** Milliseconds since the epoch; signatures are judged by it. */
  readonly now?: () => number;
}

/** DynamoDB takes at most 16 MB a request, the others less. */
const BODY_LIMIT = 16 * 1024 * 1024;
const HEADER_LIMIT = 16 * 1024;

/** @throws PortUnavailable */
export function startAwsEndpoint(options: AwsEndpointOptions): Promise<LocalServer> {
  return serve({
    port: options.port,
    option: '--aws-port',
    bodyLimit: BODY_LIMIT,
    headerLimit: HEADER_LIMIT,
    respond: (request) => respond(request, options),
  });
}

async function respond(
  request: Received,
  { services, key, now = Date.now }: AwsEndpointOptions,
): Promise<Answer> {
  const foreign = originRefusal(request);
  if (foreign) return foreign;
  try {
    if (services.sts && isPublic(request)) return await services.sts(request);
    if (request.tooLarge)
      throw new AwsError('RequestEntityTooLargeException', 'The request is too large', 413);
    const name = serviceOf(request);
    await verifySignature(request, { service: name, now: now(), key });
    const service = services[name];
    if (!service) throw elsewhere(name);
    return await service(request);
  } catch (error) {
    return (isForm(request.headers) ? queryErrorAnswer : errorAnswer)(awsErrorOf(error));
  }
}

function serviceOf({ headers, rawPath }: Received): keyof AwsServices {
  const target = headers['x-amz-target'] ?? '';
  if (target.startsWith('DynamoDB_')) return 'dynamodb';
  if (target.startsWith('secretsmanager.')) return 'secretsmanager';
  if (target.startsWith('TrentService.')) return 'kms';
  if (target === '' && rawPath === '/' && isForm(headers)) return 'sts';
  if (target === '' && rawPath.startsWith('/2015-03-31/functions/')) return 'lambda';
  throw new AwsError(
    'UnknownOperationException',
    'This endpoint serves DynamoDB (X-Amz-Target: DynamoDB_20120810.…), Secrets Manager ' +
      '(X-Amz-Target: secretsmanager.…), KMS (X-Amz-Target: TrentService.…), STS (a form to /) and Lambda Invoke (POST /2015-03-31/functions/…/invocations) only',
    404,
  );
}

/** What the issuer of tokens says of itself, to everybody. */
function isPublic({ method, rawPath }: Received): boolean {
  return method === 'GET' && rawPath.startsWith('/.well-known/');
}

/** As AWS's Query protocol has it. */
function isForm(headers: Received['headers']): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
}

function elsewhere(service: string): AwsError {
  return new AwsError(
    'UnknownOperationException',
    `AWS_ENDPOINT_URL was set when the broker started, so ${service} is served there and not here`,
    404,
  );
}

function awsErrorOf(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  if (error instanceof SignatureRefused) return new AwsError(error.problem, error.message, 403);
  return new AwsError('InternalFailure', 'The local endpoint failed', 500);
}
