import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { parseEndpoint } from '../connections/urls.ts';
import { VendorError } from '../contract/errors.ts';
import { request as httpRequest } from '../contract/node-http.ts';
import type { Clock } from './clock.ts';
import { echoes } from './echoes.ts';
import { readRetryAfter } from './retry-after.ts';

/** More than any honest answer of a vendor, in bytes. */
const MAX_ANSWER = 1024 * 1024;

const NOT_AN_ENDPOINT = 'A vendor endpoint is not asked, because it is not an https URL.';

/** One request to a vendor. */
export interface VendorRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Plain values in the request that must not come back in anything quoted from the answer. */
  readonly secrets: readonly string[];
}

/** What a vendor answered, whatever the status. Its body may hold tokens: never show it. */
export interface Answer {
  /** Host and port, for messages. */
  readonly host: string;
  readonly status: number;
  readonly body: string;
  /** Seconds, capped. */
  readonly retryAfter: number | undefined;
  /** Milliseconds since the epoch, read just before the first byte was written. */
  readonly sentAt: number;
  /** Whether a text from the answer repeats a secret of the request. */
  readonly echoesSecret: (text: string) => boolean;
}

/** The bounds of one acquisition: nothing is sent to a vendor after `deadline`, not even by a thawed process. */
export interface Budget {
  readonly clock: Clock;
  /** Milliseconds since the epoch by which the last answer must have been read. */
  readonly deadline: number;
  /** The longest that one HTTP exchange may take, in milliseconds. */
  readonly attemptTimeout: number;
  /** How many exchanges there may be. */
  readonly attempts: number;
  /** How a request gets to the vendor and its answer back; absent: over the network. */
  readonly exchange?: Exchange;
}

/**
 * One request and its answer, within the budget.
 * @throws VendorError `vendor_unavailable`, `ambiguous` unless it is certain that the vendor saw nothing
 */
export type Exchange = (request: VendorRequest, budget: Budget) => Promise<Answer>;

export const exchange: Exchange = (request, budget) =>
  (budget.exchange ?? exchangeOverNetwork)(request, budget);

/**
 * One HTTP exchange with a vendor: bounded in time and size, certificates verified, no redirect followed,
 * on a connection of its own, because a thawed process would write into a dead pooled one.
 *
 * Nothing is written before the connection stands (TLS included), so that a failure up to there means
 * with certainty that the vendor saw nothing: those errors are not `ambiguous`, all later ones are. The
 * clock is checked after everything that may take time, directly before the write (invariant 2).
 *
 * @throws VendorError `vendor_unavailable`
 */
async function exchangeOverNetwork(request: VendorRequest, budget: Budget): Promise<Answer> {
  // Whether this deployment takes http on loopback at all was decided when its connections were checked.
  const url = parseEndpoint(request.url, { allowLoopbackHttp: true });
  if (url === undefined) throw new VendorError('vendor_unavailable', NOT_AN_ENDPOINT);
  const { host } = url;
  const time = Math.min(budget.attemptTimeout, budget.deadline - budget.clock.now());
  if (time <= 0) throw noTimeLeft(host);

  const outgoing = open(url, request);
  const progress: Progress = { host, late: false };
  const timer = setTimeout(() => {
    progress.late = true;
    outgoing.destroy();
  }, time);
  try {
    const broken = breakage(outgoing, progress);
    await Promise.race([broken, connected(outgoing)]);
    const sentAt = budget.clock.now();
    if (sentAt >= budget.deadline) throw noTimeLeft(host);
    progress.sentAt = sentAt;
    outgoing.end(request.body);
    const message = await Promise.race([broken, answered(outgoing)]);
    return {
      host,
      status: message.statusCode ?? 0,
      body: await readBody(message, progress),
      retryAfter: readRetryAfter(message.headers['retry-after'], budget.clock.now()),
      sentAt,
      echoesSecret: (text) => echoes(request.secrets, text),
    };
  } finally {
    clearTimeout(timer);
    outgoing.destroy();
  }
}

interface Progress {
  readonly host: string;
  late: boolean;
  sentAt?: number;
}

function open(url: URL, request: VendorRequest): ClientRequest {
  const options = {
    method: request.method,
    headers: { ...request.headers, 'user-agent': 'token-broker', 'accept-encoding': 'identity' },
    agent: false,
  } as const;
  return url.protocol === 'https:'
    ? httpsRequest(url, { ...options, rejectUnauthorized: true })
    : httpRequest(url, options);
}

/** Rejects when the request fails before its answer begins. */
function breakage(outgoing: ClientRequest, progress: Progress): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    outgoing.on('error', (error: NodeJS.ErrnoException) => reject(failure(progress, error.code)));
    outgoing.on('close', () => reject(failure(progress, undefined)));
  });
  // It also rejects when an exchange has ended well and nobody waits for it any more.
  broken.catch(() => {});
  return broken;
}

function connected(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    outgoing.once('socket', (socket) => {
      socket.once(outgoing.protocol === 'https:' ? 'secureConnect' : 'connect', resolve);
    });
  });
}

function answered(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve) => {
    outgoing.once('response', resolve);
  });
}

async function readBody(message: IncomingMessage, progress: Progress): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of message as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > MAX_ANSWER) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw failure(progress, (error as NodeJS.ErrnoException).code);
  }
  if (size > MAX_ANSWER) {
    throw new VendorError('vendor_unavailable', `${progress.host} answered with more than 1 MiB.`, {
      ambiguous: true,
    });
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** @param code Node's error code; unlike an error's message it never quotes what went over the wire */
function failure({ host, late, sentAt }: Progress, code: string | undefined): VendorError {
  const sent = sentAt !== undefined;
  const reason = late ? 'in time' : `(${code ?? 'the connection was closed'})`;
  const text = sent
    ? `${host} did not answer completely ${reason}.`
    : `${host} could not be reached ${reason}.`;
  return new VendorError('vendor_unavailable', text, { ambiguous: sent });
}

function noTimeLeft(host: string): VendorError {
  return new VendorError('vendor_unavailable', `No time was left to ask ${host}: nothing was sent.`);
}
