import type { ConnectionAnswer, TokenRequestBody } from '../contract/messages.ts';
import { TokenBrokerError } from './errors.ts';
import { type AwsRequest, sendSigned } from './signing.ts';
import type { Token } from './token.ts';

/** A way to the broker. Every method throws TokenBrokerError. */
export interface Transport {
  token(connection: string, body: TokenRequestBody): Promise<Token>;
  /** Absent where the broker cannot be asked for more than tokens (direct invoke). */
  describe?(connection: string): Promise<ConnectionAnswer>;
}

/** Answers are small; one that is not comes from something else. */
const MAX_ANSWER = 1024 * 1024;

export interface Exchanged {
  readonly response: Response;
  /** The body's JSON; `undefined` when it is none, or too large to be the broker's. */
  readonly answer: unknown;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** @throws TokenBrokerError `broker_unavailable` when no answer comes */
export async function exchange(request: AwsRequest, signal: AbortSignal): Promise<Exchanged> {
  const sentAt = Date.now();
  try {
    const response = await sendSigned(request, signal);
    return { response, answer: await jsonOf(response), sentAt };
  } catch (error) {
    throw new TokenBrokerError(
      'broker_unavailable',
      `The token broker at ${request.url.host} cannot be reached: ${reasonOf(error)}.`,
    );
  }
}

/** `fetch failed` says nothing; its cause has the network's code, e.g. `ECONNREFUSED`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time';
  const cause = error.cause;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error.message;
}

async function jsonOf(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}

/** Seconds of a `Retry-After` header; the broker and AWS never send a date there. */
export function retryAfterOf({ headers }: Response): number | undefined {
  const text = headers.get('retry-after') ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
