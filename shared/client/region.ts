/** The AWS Region that a request is signed for. */

import { isLoopback } from '../contract/loopback.ts';

const AWS_HOST = /\.(?:execute-api|lambda)\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/;
const FUNCTION_ARN = /^arn:aws[\w-]*:lambda:([a-z0-9-]+):\d{12}:function:[\w-]+$/;

/** The Region of the local broker, whatever the environment says. */
const LOCAL_REGION = 'us-east-1';

/** @throws TypeError when nothing names one */
export function regionOf(
  { endpoint, functionName }: { readonly endpoint?: URL; readonly functionName?: string },
  environment: NodeJS.ProcessEnv = process.env,
): string {
  if (endpoint && isLoopback(endpoint.hostname)) return LOCAL_REGION;
  const named =
    AWS_HOST.exec(endpoint?.hostname ?? '')?.[1] ??
    FUNCTION_ARN.exec(functionName ?? '')?.[1] ??
    (environment.AWS_REGION || environment.AWS_DEFAULT_REGION);
  if (named) return named;
  throw new TypeError('region: no AWS Region is known; set AWS_REGION, or pass `region`.');
}

/** Base URL of the Lambda API; the environment may name another, as for the AWS SDK. */
export function lambdaEndpoint(region: string, environment: NodeJS.ProcessEnv = process.env): URL {
  const other = environment.AWS_ENDPOINT_URL_LAMBDA || environment.AWS_ENDPOINT_URL;
  if (other) return secureUrl(other, 'AWS_ENDPOINT_URL');
  return new URL(`https://lambda.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`);
}

/** @throws TypeError unless it is https, or http to a loopback host */
export function secureUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && isSecure(url) && !url.username && !url.search) return url;
  throw new TypeError(
    `${name}: must be an https URL without credentials and query (http only for 127.0.0.1, [::1] and localhost).`,
  );
}

/** Whether what is sent there cannot be read on the way. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}
