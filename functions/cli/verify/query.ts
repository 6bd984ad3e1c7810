/**
 * AWS's query protocol: parameters as a form, XML as the answer. Read by element name, which is enough for the few
 * members that `verify` looks at; whole clients would multiply the size of the command line.
 */
import { type AwsRequest, sendSigned } from '../../../shared/client/signing.ts';
import { type Aws, AwsRefusal, reached } from '../aws.ts';

/** API versions, as every request names them. */
const VERSIONS = {
  iam: '2010-05-08',
  sts: '2011-06-15',
  cloudformation: '2010-05-15',
  ec2: '2016-11-15',
} as const;
type QueryService = keyof typeof VERSIONS;

/** Milliseconds. */
const TIMEOUT = 20_000;

/** @returns the answer's XML @throws AwsRefusal, Failure */
export async function callQuery(
  aws: Aws,
  service: QueryService,
  action: string,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const { region, host } = placeOf(service, aws.region);
  const request: AwsRequest = {
    method: 'POST',
    url: new URL('/', aws.endpoint ?? `https://${host}`),
    service,
    region,
    credentials: await aws.credentials(),
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: new URLSearchParams({ Action: action, Version: VERSIONS[service], ...parameters }).toString(),
  };
  const [response, xml] = await reached(aws, service, async () => {
    const received = await sendSigned(request, AbortSignal.timeout(TIMEOUT));
    return [received, await received.text()] as const;
  });
  if (response.ok) return xml;
  throw new AwsRefusal(service, textOf(xml, 'Code') ?? String(response.status), textOf(xml, 'Message') ?? '');
}

/** IAM has one endpoint a partition, signed for that partition's first Region. */
function placeOf(service: QueryService, region: string): { region: string; host: string } {
  const suffix = region.startsWith('cn-') ? '.cn' : '';
  if (service !== 'iam') return { region, host: `${service}.${region}.amazonaws.com${suffix}` };
  if (suffix) return { region: 'cn-north-1', host: 'iam.cn-north-1.amazonaws.com.cn' };
  if (region.startsWith('us-gov-')) return { region: 'us-gov-west-1', host: 'iam.us-gov.amazonaws.com' };
  return { region: 'us-east-1', host: 'iam.amazonaws.com' };
}

/** The texts of all elements of that name, whatever they are in. */
export function textsOf(xml: string, element: string): string[] {
  const pattern = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g');
  return [...xml.matchAll(pattern)].map(([, inner = '']) => unescapeXml(inner));
}

export function textOf(xml: string, element: string): string | undefined {
  return textsOf(xml, element)[0];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescapeXml(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name]!);
}
