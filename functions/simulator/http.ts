import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { BodyEncoding } from '../../shared/oauth/types.ts';

/** A whole HTTP answer, so that a fault can change it before it leaves. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request as the vendors' endpoints see it: read whole, its parameters parsed. */
export interface VendorRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string;
  /** How the body was encoded; `undefined` when there is none, or one of an unknown kind. */
  readonly encoding: BodyEncoding | undefined;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A request that a vendor refuses; carries the answer that says so. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(answer.body);
    this.answer = answer;
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}

/** An RFC 6749 §5.2 error, ready to be thrown. */
export function refusal(
  status: number,
  error: string,
  description: string,
  headers?: Record<string, string>,
): Refusal {
  return new Refusal(json(status, { error, error_description: description }, headers));
}

const LARGEST_BODY = 1_048_576;

/** @throws Refusal 413 beyond 1 MiB */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw refusal(413, 'invalid_request', 'The body is larger than 1 MiB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws Refusal `invalid_request` for a body that is not what its content type says, or repeats a parameter */
export async function parseRequest(incoming: IncomingMessage, url: URL): Promise<VendorRequest> {
  const body = await readBody(incoming);
  const contentType = incoming.headers['content-type'] ?? '';
  const encoding = encodingOf(contentType);
  return {
    method: incoming.method ?? 'GET',
    url,
    headers: incoming.headers,
    remoteAddress: incoming.socket.remoteAddress ?? '',
    encoding,
    parameters: encoding === undefined ? {} : unrepeated(await entries(body, encoding, contentType)),
  };
}

/** RFC 6749 §3.1 and §3.2: no parameter may come twice. @throws Refusal `invalid_request` naming it */
export function unrepeated(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of pairs) {
    if (Object.hasOwn(parameters, name)) {
      throw refusal(400, 'invalid_request', `The parameter ${name} is repeated.`);
    }
    parameters[name] = value;
  }
  return parameters;
}

function encodingOf(contentType: string): BodyEncoding | undefined {
  switch (contentType.split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/x-www-form-urlencoded':
      return 'form';
    case 'multipart/form-data':
      return 'multipart';
    case 'application/json':
      return 'json';
    default:
      return undefined;
  }
}

async function entries(
  body: Buffer,
  encoding: BodyEncoding,
  contentType: string,
): Promise<[string, string][]> {
  try {
    if (encoding === 'form') return [...new URLSearchParams(body.toString())];
    if (encoding === 'json') return texts(members(JSON.parse(body.toString())));
    const form = await new Response(body, { headers: { 'content-type': contentType } }).formData();
    return texts([...form]);
  } catch {
    throw refusal(400, 'invalid_request', `The body is not a readable ${contentType.split(';', 1)[0]}.`);
  }
}

function members(body: unknown): [string, unknown][] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new TypeError('not an object');
  return Object.entries(body);
}

function texts(pairs: [string, unknown][]): [string, string][] {
  return pairs.map(([name, value]) => {
    if (typeof value !== 'string') throw new TypeError(`${name} is not text`);
    return [name, value];
  });
}
