/**
 * Verifies AWS Signature Version 4 as API Gateway and the AWS services do: by signing what arrived once
 * more, with the signer that the AWS SDK itself uses, and comparing.
 *
 * That signer normalises the path and encodes it a second time, as every service but S3 wants it. curl
 * up to at least 7.88 signs encoded paths and unsorted queries as they are, which AWS refuses too: with
 * it, use plain paths and at most one query parameter.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Received } from './http.ts';
import { DEMO_KEY, type Identity, identityOf, LOCAL_KEY_ID } from './identities.ts';

const MAX_SKEW = 5 * 60_000;
const SCHEME = 'AWS4-HMAC-SHA256';

/** AWS's names for what can be wrong with a signature. */
type SignatureProblem =
  | 'MissingAuthenticationTokenException'
  | 'IncompleteSignatureException'
  | 'InvalidSignatureException'
  | 'UnrecognizedClientException';

export class SignatureRefused extends Error {
  override readonly name = 'SignatureRefused';
  readonly problem: SignatureProblem;

  constructor(problem: SignatureProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

export interface Expected {
  readonly service: string;
  /** Any, where absent. */
  readonly region?: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The secret of every key id. */
  readonly key: string;
}

interface Authorization {
  readonly keyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/** @throws SignatureRefused */
export async function verifySignature(request: Received, expected: Expected): Promise<Identity> {
  const hint = hintOf(expected.key);
  const authorization = parseAuthorization(request, hint);
  checkSignedHeaders(request, authorization.signedHeaders);
  const signedAt = checkDate(request, authorization, expected.now);
  checkScope(authorization, expected);
  const identity = identityFor(authorization.keyId, hint);
  const bodyHash = checkBody(request);
  const signature = await sign(request, authorization, expected.key, signedAt, bodyHash);
  if (!equal(signature, authorization.signature)) {
    throw invalid(
      `The signature does not match: the secret of key id ${authorization.keyId} is ${hint}, and method, path, ` +
        'query, signed headers and body must be those that were signed. (curl 7.88 signs encoded paths and ' +
        'unsorted queries wrongly.)',
    );
  }
  return identity;
}

function parseAuthorization({ headers, rawQuery }: Received, hint: string): Authorization {
  const inQuery = /^x-amz-(signature|algorithm|credential)$/i;
  if ([...new URLSearchParams(rawQuery).keys()].some((name) => inQuery.test(name))) {
    throw invalid('Presigned URLs are not accepted: send the signature in the Authorization header');
  }
  const header = headers.authorization;
  if (header === undefined) {
    throw new SignatureRefused(
      'MissingAuthenticationTokenException',
      `The request is not signed: sign it with SigV4 (key id "${LOCAL_KEY_ID}"; its secret is ${hint})`,
    );
  }
  const match =
    /^AWS4-HMAC-SHA256 +Credential=([^\s,]+), *SignedHeaders=([^\s,]+), *Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  const [keyId, date, region, service, end, ...rest] = match?.[1]?.split('/') ?? [];
  if (!match || !keyId || !date || !region || !service || end !== 'aws4_request' || rest.length > 0) {
    throw new SignatureRefused(
      'IncompleteSignatureException',
      `Authorization must be "${SCHEME} Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…"`,
    );
  }
  return { keyId, date, region, service, signedHeaders: match[2]!.split(';'), signature: match[3]! };
}

/** What is not signed could have been changed on the way; AWS asks for `host` and all of its own headers. */
function checkSignedHeaders({ headers }: Received, signed: readonly string[]): void {
  const own = Object.keys(headers).filter((name) => name.startsWith('x-amz-'));
  for (const name of ['host', 'x-amz-date', ...own]) {
    if (!signed.includes(name)) throw invalid(`The header ${name} must be present and signed`);
  }
  for (const name of signed) {
    if (headers[name] === undefined) throw invalid(`The signed header ${name} is missing`);
  }
}

function checkDate({ headers }: Received, { date }: Authorization, now: number): Date {
  const stamp = headers['x-amz-date'] ?? '';
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp) ?? [];
  const signedAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(signedAt.getTime())) throw invalid('x-amz-date must be YYYYMMDDTHHMMSSZ');
  if (date !== stamp.slice(0, 8)) throw invalid('The date of the credential scope is not that of x-amz-date');
  if (Math.abs(now - signedAt.getTime()) > MAX_SKEW) {
    throw invalid(
      `The signature expired or is not yet valid: x-amz-date ${stamp} is more than 5 minutes away from now`,
    );
  }
  return signedAt;
}

function checkScope({ region, service }: Authorization, expected: Expected): void {
  if (service !== expected.service) {
    throw invalid(`The credential scope names the service ${service}; here it is ${expected.service}`);
  }
  if (expected.region !== undefined && region !== expected.region) {
    throw invalid(`The credential scope names the region ${region}; here it is ${expected.region}`);
  }
}

/** Only the demo's may be told to whoever asks. */
function hintOf(key: string): string {
  return key === DEMO_KEY ? `"${key}"` : 'the one that the broker printed when it started';
}

function identityFor(keyId: string, hint: string): Identity {
  const identity = identityOf(keyId);
  if (identity) return identity;
  throw new SignatureRefused(
    'UnrecognizedClientException',
    `Unknown key id: use "${LOCAL_KEY_ID}" or "role-NAME", the secret of both is ${hint}`,
  );
}

/** The signer trusts `x-amz-content-sha256`, so that header must be the body's own hash (`UNSIGNED-PAYLOAD` is not). */
function checkBody({ headers, body }: Received): string {
  const actual = hash('sha256', body);
  const claimed = headers['x-amz-content-sha256'];
  if (claimed !== undefined && claimed !== actual) {
    throw invalid('x-amz-content-sha256 is not the SHA-256 of the body (unsigned payloads are not accepted)');
  }
  return actual;
}

async function sign(
  { method, rawPath, rawQuery, headers }: Received,
  { keyId, region, service, signedHeaders }: Authorization,
  key: string,
  signingDate: Date,
  bodyHash: string,
): Promise<string> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: keyId, secretAccessKey: key },
    region,
    service,
    sha256: Sha256,
    applyChecksum: false,
  });
  // The signer takes the body's hash from this header, which spares it hashing; it is canonical only if signed.
  const hashHeader = 'x-amz-content-sha256';
  const request = {
    method,
    protocol: 'http:',
    hostname: 'localhost',
    path: rawPath,
    query: parseQuery(rawQuery),
    headers: {
      ...Object.fromEntries(signedHeaders.map((name) => [name, headers[name]!])),
      [hashHeader]: bodyHash,
    },
  };
  const signed = await signer.sign(request, {
    signingDate,
    signableHeaders: new Set(signedHeaders),
    ...(signedHeaders.includes(hashHeader) ? {} : { unsignableHeaders: new Set([hashHeader]) }),
  });
  return signed.headers.authorization?.split('Signature=')[1] ?? '';
}

function parseQuery(rawQuery: string): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (const pair of rawQuery === '' ? [] : rawQuery.split('&')) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    // The signer keeps parameters in a plain object, where this name would be lost and so go unsigned.
    if (name === '__proto__') throw invalid('A query parameter may not be named __proto__');
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return Object.fromEntries(values);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('The query is not valid percent-encoded UTF-8');
  }
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function invalid(message: string): SignatureRefused {
  return new SignatureRefused('InvalidSignatureException', message);
}
