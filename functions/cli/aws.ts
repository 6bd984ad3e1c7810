/** The few AWS operations that the command line needs, over the same signed HTTP as the broker's routes. */
import type { AwsCredentialsProvider } from '../../shared/client/credentials.ts';
import { sendSigned } from '../../shared/client/signing.ts';
import { EXIT, Failure } from './failure.ts';

export interface Aws {
  readonly region: string;
  readonly credentials: AwsCredentialsProvider;
  /** Of all services, where it is not AWS's own. */
  readonly endpoint: URL | undefined;
}

/** An AWS service's own refusal; `type` is its name for it, e.g. `ResourceNotFoundException`. */
export class AwsRefusal extends Error {
  override readonly name = 'AwsRefusal';
  readonly type: string;

  constructor(service: string, type: string, message: string) {
    super(`${service}: ${type}${message && `: ${message}`}`);
    this.type = type;
  }
}

type Answer = Record<string, unknown>;

/** Milliseconds. */
const TIMEOUT = 10_000;

/** Target prefix and protocol version of the services with AWS's JSON protocol. */
const JSON_SERVICES = {
  secretsmanager: ['secretsmanager', '1.1'],
  kms: ['TrentService', '1.1'],
  ssm: ['AmazonSSM', '1.1'],
  dynamodb: ['DynamoDB_20120810', '1.0'],
  monitoring: ['GraniteServiceVersion20100801', '1.0'],
  logs: ['Logs_20140328', '1.1'],
} as const;

/** @throws AwsRefusal; Failure when the service cannot be reached or there are no credentials */
export function callJson(
  aws: Aws,
  service: keyof typeof JSON_SERVICES,
  operation: string,
  input: object,
): Promise<Answer> {
  const [prefix, version] = JSON_SERVICES[service];
  return call(aws, service, 'POST', '/', JSON.stringify(input), {
    'content-type': `application/x-amz-json-${version}`,
    'x-amz-target': `${prefix}.${operation}`,
  });
}

/** `arn` of the identity that the credentials belong to. */
export async function callerIdentity(aws: Aws): Promise<string> {
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const answer = (await call(aws, 'sts', 'POST', '/', body, headers)) as {
    GetCallerIdentityResponse?: { GetCallerIdentityResult?: { Arn?: string } };
  };
  return answer.GetCallerIdentityResponse?.GetCallerIdentityResult?.Arn ?? 'unknown';
}

export function call(
  aws: Aws,
  service: string,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return exchange(aws, service, async () => {
    const { region, endpoint } = aws;
    const suffix = region.startsWith('cn-') ? '.cn' : '';
    const url = new URL(path, endpoint ?? `https://${service}.${region}.amazonaws.com${suffix}`);
    const request = { method, url, service, region, headers, credentials: await aws.credentials() };
    return sendSigned({ ...request, ...(body !== undefined && { body }) }, AbortSignal.timeout(TIMEOUT));
  });
}

/** @throws Failure `temporary` when nobody answers */
export async function reached<T>(aws: Aws, service: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof Error) || (error.name !== 'TypeError' && error.name !== 'TimeoutError'))
      throw error;
    throw new Failure(
      EXIT.temporary,
      `${service} at ${aws.endpoint?.host ?? aws.region} cannot be reached.`,
      'Check --region, --aws-endpoint and the network.',
    );
  }
}

async function exchange(aws: Aws, service: string, send: () => Promise<Response>): Promise<Answer> {
  const [response, answer] = await reached(aws, service, async () => {
    const received = await send();
    return [received, (await received.json().catch(() => ({}))) as Answer] as const;
  });
  if (response.ok) return answer;
  const {
    __type = response.headers.get('x-amzn-errortype') ?? response.status,
    Message,
    message = Message,
  } = answer;
  const type = String(__type).replace(/^.*#/, '').replace(/:.*$/, '');
  throw new AwsRefusal(service, type, typeof message === 'string' ? message : '');
}
