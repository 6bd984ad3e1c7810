/** One HTTP exchange with an AWS service, signed with Signature Version 4. */
import { AwsV4Signer } from 'aws4fetch';
import { present } from '../contract/present.ts';
import type { AwsCredentials } from './credentials.ts';

export interface AwsRequest {
  readonly method: string;
  readonly url: URL;
  /** As the credential scope has it, e.g. `execute-api`. */
  readonly service: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Redirects are not followed: a signature holds for one host and one path only. */
export async function sendSigned(request: AwsRequest, signal: AbortSignal): Promise<Response> {
  const { credentials, url, ...rest } = request;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new AwsV4Signer({
    ...rest,
    url: url.href,
    accessKeyId,
    secretAccessKey,
    ...present({ sessionToken }),
    // Content-Type as well.
    allHeaders: true,
  });
  const { method, headers, body } = await signer.sign();
  return fetch(url, { method, headers, body: body ?? null, redirect: 'manual', signal });
}
