/** One HTTP exchange with an AWS service, signed with Signature Version 4. */

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
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
  const { method, url, service, region, credentials, body } = request;
  const signer = new SignatureV4({ credentials: present(credentials), region, service, sha256: Sha256 });
  const { headers } = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host, ...request.headers },
    body,
  });
  // fetch writes Host itself, from the URL, and takes no other.
  const { host: _, ...sent } = headers;
  return fetch(url, { method, headers: sent, body: body ?? null, redirect: 'manual', signal });
}

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** SHA-256, and HMAC where there is a secret, in the shape that the signer takes. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: Bytes) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', asBuffer(secret));
  }

  update(data: Bytes): void {
    this.#hash.update(asBuffer(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('A digest is used once');
  }
}

function asBuffer(data: Bytes): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
