/** A proxy in front of an AWS endpoint that loses, delays and spoils requests and answers on demand. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What happens to one request. Not applied: `reset` drops the connection, `hang` never answers, `throttle` and
 * `error_500` answer as AWS does. Applied, but the answer is lost: `applied_then_reset`, `applied_then_hang`,
 * `applied_then_500`. `held`: the connection is dropped, and the request arrives only at `release()`.
 */
export type Fault =
  | 'reset'
  | 'hang'
  | 'throttle'
  | 'error_500'
  | 'applied_then_reset'
  | 'applied_then_hang'
  | 'applied_then_500'
  | 'held';

export interface FaultProxy {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** How many requests have arrived, by operation (`GetItem`, `GetSecretValue`, …), faulty ones included. */
  readonly seen: ReadonlyMap<string, number>;
  /** The next `times` requests (default: all from now on) to `operation` of `table` (default: any) meet the fault. */
  inject(fault: Fault, options?: { operation?: string; table?: string; times?: number }): void;
  /** Ends every fault that was injected. */
  heal(): void;
  /** From now on, reads that AWS may answer from the past are answered as they were when first made since. */
  freezeReads(): void;
  thawReads(): void;
  /** Lets the requests that were held arrive, in the order in which they were sent. */
  release(): Promise<void>;
  close(): Promise<void>;
}

interface Received {
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** @param upstream origin of an endpoint that does not verify signatures: `Host` is rewritten */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const seen = new Map<string, number>();
  const held: Received[] = [];
  let faults: { fault: Fault; fits: (received: Received) => boolean; left: number }[] = [];
  let frozen: Map<string, Answer> | undefined;

  function nextFault(received: Received): Fault | undefined {
    const found = faults.find((each) => each.left > 0 && each.fits(received));
    if (found) found.left -= 1;
    return found?.fault;
  }

  async function read(received: Received): Promise<Answer> {
    const past = frozen && mayBeStale(received) ? frozen : undefined;
    const text = received.body.toString();
    const answer = past?.get(text) ?? (await forward(upstream, received));
    past?.set(text, answer);
    return answer;
  }

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await receive(incoming);
    seen.set(received.operation, (seen.get(received.operation) ?? 0) + 1);
    const fault = nextFault(received);
    if (fault === 'held') held.push(received);
    if (fault?.startsWith('applied')) await forward(upstream, received);
    if (fault) spoil(fault, received, response);
    else reply(response, await read(received));
  }

  // A client that has gone away and an upstream that is gone both look like a dropped connection.
  const server = createServer((incoming, response) => {
    pass(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    inject(fault, { operation, table, times = Number.POSITIVE_INFINITY } = {}) {
      const fits = (received: Received) =>
        (operation ?? received.operation) === received.operation &&
        (table === undefined || received.body.includes(`"TableName":"${table}"`));
      faults.push({ fault, fits, left: times });
    },
    heal() {
      faults = [];
    },
    freezeReads() {
      frozen = new Map();
    },
    thawReads() {
      frozen = undefined;
    },
    async release() {
      for (const received of held.splice(0)) await forward(upstream, received);
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function receive(incoming: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return {
    operation: operationOf(incoming, Buffer.concat(chunks)),
    method: incoming.method ?? 'POST',
    path: incoming.url ?? '/',
    headers: incoming.headers,
    body: Buffer.concat(chunks),
  };
}

/** A target, or an action in a form, as STS has it. */
function operationOf({ headers }: IncomingMessage, body: Buffer): string {
  const [, named] = String(headers['x-amz-target'] ?? '').split('.');
  return named ?? new URLSearchParams(body.toString()).get('Action') ?? '';
}

function forward(upstream: string, { method, path, headers, body }: Received): Promise<Answer> {
  const { host } = new URL(upstream);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${upstream}${path}`,
      { method, headers: { ...headers, host } },
      async (answer) => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** DynamoDB's and Secrets Manager's eventually consistent reads. */
function mayBeStale({ operation, body }: Received): boolean {
  if (operation === 'GetSecretValue') return true;
  return ['GetItem', 'Query'].includes(operation) && JSON.parse(body.toString()).ConsistentRead !== true;
}

function spoil(fault: Fault, { headers }: Received, response: ServerResponse): void {
  if (fault === 'hang' || fault === 'applied_then_hang') return;
  if (fault === 'throttle') {
    const dynamodb = String(headers['x-amz-target']).startsWith('DynamoDB_');
    const name = dynamodb ? 'ProvisionedThroughputExceededException' : 'ThrottlingException';
    refuse(response, 400, name);
  } else if (fault === 'error_500' || fault === 'applied_then_500') {
    refuse(response, 500, 'InternalServerError');
  } else {
    response.socket?.resetAndDestroy();
  }
}

function refuse(response: ServerResponse, status: number, name: string): void {
  const body = Buffer.from(JSON.stringify({ __type: name, message: 'Injected.' }));
  reply(response, { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body });
}

function reply(response: ServerResponse, { status, headers, body }: Answer): void {
  const { 'transfer-encoding': _, ...kept } = headers;
  response.writeHead(status, { ...kept, 'content-length': body.length });
  response.end(body);
}
