import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

export interface SignedFetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** `local`, or `role-NAME`. */
  readonly keyId?: string;
  readonly secret?: string;
  readonly service?: string;
  readonly region?: string;
  readonly signingDate?: Date;
  /** Headers to send without signing them. */
  readonly unsigned?: readonly string[];
  /** Changes the request after it was signed. */
  readonly tamper?: (request: SignedRequest) => void;
}

export interface SignedRequest {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
}

/** Signs as the AWS SDK does, key id and secret `local` unless told otherwise, and sends. */
export async function signedFetch(url: string, options: SignedFetchOptions = {}): Promise<Response> {
  const { headers, body, ...request } = await signedRequest(url, options);
  // fetch sets Host itself, from the URL, and refuses to be told.
  const { host: _, ...sent } = headers;
  return fetch(request.url, {
    method: request.method,
    headers: sent,
    redirect: 'manual',
    body: body ?? null,
  });
}

export async function signedRequest(url: string, options: SignedFetchOptions = {}): Promise<SignedRequest> {
  const target = new URL(url);
  // In a signature `+` is a plus sign, in a form a space.
  const parameters = new URLSearchParams(target.search.replaceAll('+', '%2B'));
  const query: Record<string, string[]> = {};
  for (const name of new Set(parameters.keys())) query[name] = parameters.getAll(name);
  const signer = new SignatureV4({
    credentials: { accessKeyId: options.keyId ?? 'local', secretAccessKey: options.secret ?? 'local' },
    region: options.region ?? 'us-east-1',
    service: options.service ?? 'execute-api',
    sha256: Sha256,
  });
  const signed = await signer.sign(
    {
      method: options.method ?? 'GET',
      protocol: target.protocol,
      hostname: target.hostname,
      path: target.pathname,
      query,
      headers: { host: target.host, ...options.headers },
      body: options.body,
    },
    {
      ...(options.signingDate ? { signingDate: options.signingDate } : {}),
      ...(options.unsigned ? { unsignableHeaders: new Set(options.unsigned) } : {}),
    },
  );
  const request: SignedRequest = {
    url: target,
    method: options.method ?? 'GET',
    headers: signed.headers,
    body: options.body,
  };
  options.tamper?.(request);
  return request;
}
