/**
 * What both local ports share: listening on loopback only, reading a request whole, and refusing what a
 * browser or a rebound DNS name sends here. Neither port ever answers with a CORS header.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from '../../shared/contract/node-http.ts';

const LOOPBACK = '127.0.0.1';

/** A whole request, as it arrived: nothing is decoded or normalised. */
export interface Received {
  readonly method: string;
  /** Request target up to `?`, percent-encoding and duplicate slashes untouched. */
  readonly rawPath: string;
  /** After `?`, without it. */
  readonly rawQuery: string;
  /** Lower-cased names; repeated headers are joined by commas (cookies by `; `). No prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes beyond the limit were read and dropped: `tooLarge` says so. */
  readonly body: Buffer;
  readonly tooLarge: boolean;
  readonly sourceIp: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export interface LocalServer {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Stops listening and drops open connections. */
  close(): Promise<void>;
}

interface ServeOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** Option that sets the port, for the message when it is taken. */
  readonly option: string;
  /** Bytes. */
  readonly bodyLimit: number;
  /** Request line and headers together, in bytes. */
  readonly headerLimit: number;
  /** Milliseconds that a client has to send its whole request. */
  readonly requestTimeout?: number;
  respond(request: Received): Promise<Answer>;
}

/** A port that could not be had; the message says which option changes it. */
export class PortUnavailable extends Error {
  override readonly name = 'PortUnavailable';
}

/** @throws PortUnavailable */
export async function serve(options: ServeOptions): Promise<LocalServer> {
  const requestTimeout = options.requestTimeout ?? 30_000;
  const server = createServer(
    {
      maxHeaderSize: options.headerLimit,
      requestTimeout,
      headersTimeout: Math.min(requestTimeout, 10_000),
      connectionsCheckingInterval: Math.min(requestTimeout, 1_000),
      // SDK clients keep connections for reuse: closing idle ones early makes them see resets.
      keepAliveTimeout: 65_000,
      // A request without Host is refused below, like any foreign one.
      requireHostHeader: false,
    },
    (request, response) => {
      answer(request, response, options).catch(() => response.destroy());
    },
  );
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${LOOPBACK}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { port, option }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${error.code})`;
      reject(new PortUnavailable(`Port ${port} ${why}. Stop what uses it, or choose another: ${option} N`));
    });
    server.listen(port, LOOPBACK, resolve);
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, options: ServeOptions) {
  const received = await receive(request, options.bodyLimit);
  const { status, headers = {}, body = '' } = refusal(received, request) ?? (await options.respond(received));
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // 204 and 304 carry neither body nor length (RFC 9110 §8.6); Node leaves both out by itself.
  if (status !== 204 && status !== 304) response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}

async function receive(request: IncomingMessage, limit: number): Promise<Received> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Reads to the end even past the limit: a client that is cut off while sending may miss the 413.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else chunks.length = 0;
  }
  const target = request.url ?? '';
  const question = target.indexOf('?');
  return {
    method: request.method ?? '',
    rawPath: question < 0 ? target : target.slice(0, question),
    rawQuery: question < 0 ? '' : target.slice(question + 1),
    headers: joinHeaders(request.rawHeaders),
    body: Buffer.concat(chunks),
    tooLarge: size > limit,
    sourceIp: request.socket.remoteAddress ?? LOOPBACK,
  };
}

/** Node drops repetitions of some headers; a signature covers all of them. */
function joinHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    const separator = name === 'cookie' ? '; ' : ',';
    headers[name] = headers[name] === undefined ? value : headers[name] + separator + value;
  }
  return headers;
}

/** Against DNS rebinding: a page of another site reaches this port only under that site's name. */
function refusal({ headers, rawPath }: Received, request: IncomingMessage): Answer | undefined {
  const port = request.socket.localPort;
  const host = headers.host?.toLowerCase();
  if (host !== `${LOOPBACK}:${port}` && host !== `localhost:${port}`) {
    return jsonAnswer(421, {
      message: 'Misdirected Request',
      reason: `Host must be ${LOOPBACK}:${port} or localhost:${port}`,
    });
  }
  // An absolute request target would name a second host (RFC 9112 §3.2.2).
  if (!rawPath.startsWith('/')) return jsonAnswer(400, { message: 'Bad Request' });
  return undefined;
}

/** Pages have no business here: browsers send `Origin` with every cross-site request that can do harm. */
export function originRefusal({ headers }: Received): Answer | undefined {
  if (headers.origin === undefined) return undefined;
  return jsonAnswer(403, { message: 'Forbidden', reason: 'Requests from web pages (Origin) are refused' });
}

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}
