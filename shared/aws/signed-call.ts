/**
 * Operations of AWS services of which the functions carry no client: a client of the SDK for the one operation that is
 * needed would be more bytes at every cold start than this has letters. Signed by the signer that the client of Secrets
 * Manager has, and sent as vendors are asked: on a connection of its own, within the acquisition's time.
 */
import { VendorError } from '../contract/errors.ts';
import { withAttempts } from '../oauth/attempts.ts';
import { type Answer, type Budget, exchange } from '../oauth/exchange.ts';
import { errorName, type SecretsManager } from './clients.ts';

interface SignedRequest {
  /** As host and credential scope have it, e.g. `kms`. */
  readonly service: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A 2xx answer's body, or the service's name for what is wrong. */
export type SignedAnswer = { readonly body: string } | { readonly refusal: string };

/** Milliseconds; both services answer in a few. */
const ATTEMPT_TIMEOUT = 2_000;
const ATTEMPTS = 3;

/** Nobody answered, or the service said that it could not now; `SignedAnswer` has it in place of the service's names. */
export const UNAVAILABLE = 'unavailable';

export async function signedCall(
  { client }: SecretsManager,
  { service, headers, body }: SignedRequest,
  { clock, deadline }: Budget,
): Promise<SignedAnswer> {
  const bounds = { clock, deadline, attemptTimeout: ATTEMPT_TIMEOUT, attempts: ATTEMPTS };
  try {
    return await withAttempts(bounds, 'idempotent', async () => {
      const url = new URL(await endpointOf(client, service));
      const { protocol, hostname, host, pathname: path } = url;
      const unsigned = { method: 'POST', protocol, hostname, path, headers: { host, ...headers }, body };
      const signer = await client.config.signer();
      const signed = await signer.sign(unsigned, { signingService: service });
      const request = { url: url.href, headers: signed.headers, body: Buffer.from(body), secrets: [] };
      return judged(await exchange({ method: 'POST', ...request }, bounds));
    });
  } catch (error) {
    // Without credentials, say: that will not pass by itself, but it is told in the same words.
    return { refusal: error instanceof VendorError ? UNAVAILABLE : errorName(error) };
  }
}

/** @throws VendorError where another attempt may do */
function judged({ status, host, body }: Answer): SignedAnswer {
  if (status >= 200 && status < 300) return { body };
  const refusal = ERROR.exec(body)?.[1] ?? `HTTP ${status}`;
  if (
    status >= 500 ||
    status === 429 ||
    /Throttl|LimitExceeded|DependencyTimeout|KeyUnavailable/.test(refusal)
  )
    throw new VendorError('vendor_unavailable', `${host} cannot answer now.`);
  return { refusal };
}

/** The error's name in AWS's JSON protocols, and in its Query protocol, which answers in XML. */
const ERROR = /(?:"__type"\s*:\s*"(?:[^"#]*#)?|<Code>)(\w{1,128})/;

/** The one that the client was given, which then serves all; else, as the SDK has it, the environment's or the Region's. */
async function endpointOf(client: SecretsManager['client'], service: string): Promise<string> {
  const { endpoint, region } = client.config;
  const given = endpoint && (await endpoint());
  if (given) return `${given.protocol}//${given.hostname}${given.port ? `:${given.port}` : ''}/`;
  const { [`AWS_ENDPOINT_URL_${service.toUpperCase()}`]: own, AWS_ENDPOINT_URL: every } = process.env;
  const configured = own || every;
  if (configured) return configured;
  const here = await region();
  return `https://${service}.${here}.amazonaws.com${here.startsWith('cn-') ? '.cn' : ''}/`;
}
