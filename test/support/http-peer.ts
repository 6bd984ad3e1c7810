/** A vendor's HTTP server on loopback that does what a test tells it, good manners or not. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Received {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the client: every connection has its own. */
  readonly port: number;
  /** Members of the body, whichever of the three encodings it has. */
  readonly parameters: Readonly<Record<string, string>>;
}

export type Reply = (response: ServerResponse, received: Received) => void;

export interface HttpPeer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly received: readonly Received[];
  /** The next requests are answered by these in turn; the last one answers all that follow. */
  replyWith(...replies: Reply[]): void;
  close(): Promise<void>;
}

export async function startHttpPeer(): Promise<HttpPeer> {
  const received: Received[] = [];
  let replies: Reply[] = [];
  const server = createServer(async (request, response) => {
    const entry = await receive(request);
    received.push(entry);
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    reply?.(response, entry);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin: `http://${host}`,
    host,
    received,
    replyWith: (...next) => {
      received.length = 0;
      replies = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(request: IncomingMessage): Promise<Received> {
  const body = await buffer(request);
  const { method = '', url: path = '', headers } = request;
  const port = request.socket.remotePort ?? 0;
  return { method, path, headers, port, body: body.toString('utf8'), parameters: await parse(headers, body) };
}

async function parse(headers: IncomingHttpHeaders, body: Buffer): Promise<Record<string, string>> {
  const contentType = headers['content-type'];
  if (contentType === undefined || body.length === 0) return {};
  if (contentType === 'application/json') return JSON.parse(body.toString('utf8'));
  if (!/^(?:application\/x-www-form-urlencoded|multipart\/form-data)/.test(contentType)) return {};
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': contentType },
  }).formData();
  return Object.fromEntries([...form].map(([name, value]) => [name, String(value)]));
}

/** An answer with a JSON body. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return text(status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
}

export function text(status: number, body: string | Uint8Array, headers: Record<string, string> = {}): Reply {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Never answers. */
export const silence: Reply = () => {};

/** Drops the connection without an answer. */
export const hangUp: Reply = (response) => response.socket?.destroy();

/** Promises more than it sends, then drops the connection. */
export const truncated: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"access_token":"half', () => response.socket?.destroy());
};

/** Sends and sends. */
export const endless: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const more = () => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};
