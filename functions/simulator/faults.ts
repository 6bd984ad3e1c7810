import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { whole } from './checked.ts';
import { type Answer, json } from './http.ts';
import { brokenOff, cut, dropped, endless, type Sabotage } from './sabotage.ts';

/** One request that a fault may spoil. */
export interface Exchange {
  /** Processes the request as if nothing were wrong. */
  process(options?: { keepRefreshToken?: boolean }): Promise<Answer>;
  readonly origin: string;
  /** Aborted when the vendor is closed. */
  readonly closing: AbortSignal;
}

interface FaultKind {
  readonly does: string;
  readonly options: v.ObjectEntries;
  /** @param order a checked one; its members that every fault has are left aside */
  readonly bind: (order: unknown) => (exchange: Exchange) => Promise<Answer | Sabotage>;
}

function kind<const Entries extends v.ObjectEntries>(
  does: string,
  options: Entries,
  act: (
    exchange: Exchange,
    options: v.InferOutput<v.ObjectSchema<Entries, undefined>>,
  ) => Promise<Answer | Sabotage>,
): FaultKind {
  const own = v.object(options);
  return { does, options, bind: (order) => (exchange) => act(exchange, v.parse(own, order)) };
}

const delay = { delay_ms: v.optional(whole(0, 600_000, 'Milliseconds'), 10_000) };

/** Faults that stand in for the answer can be told to process the request all the same. */
const processed = (by: boolean) => ({
  processed: v.optional(
    v.pipe(v.boolean(), v.description(`Whether the request is processed all the same; default ${by}`)),
    by,
  ),
});

const text = (description: string, by: string) =>
  v.optional(v.pipe(v.string(), v.description(`${description}; default ${by}`)), by);

const retryAfter = v.optional(
  v.pipe(
    v.union([v.pipe(v.number(), v.integer(), v.minValue(0)), v.string()]),
    v.description('Retry-After: seconds, or text such as an HTTP-date; default: no such header'),
  ),
);

const ERROR_PAGE = '<!doctype html><title>Error</title><h1>Service Unavailable</h1>';

/** Everything a simulated vendor can be told to do wrong. */
export const FAULTS = {
  slow: kind('Processes the request at once and holds the answer back.', delay, async (exchange, options) => {
    const answer = await exchange.process();
    await wait(options.delay_ms, undefined, { signal: exchange.closing });
    return answer;
  }),
  processed_late: kind(
    'Processes the request only after the delay, even if the client has gone by then.',
    delay,
    async (exchange, options) => {
      await wait(options.delay_ms, undefined, { signal: exchange.closing });
      return exchange.process();
    },
  ),
  dropped: kind('Closes the connection instead of processing the request.', {}, async () => dropped),
  answer_lost: kind('Processes the request, then closes the connection.', {}, async (exchange) => {
    await exchange.process();
    return dropped;
  }),
  broken_off: kind(
    'Processes the request, then closes the connection in the middle of the body.',
    {},
    async (exchange) => brokenOff(await exchange.process()),
  ),
  truncated_json: kind(
    'Processes the request and answers with the first half of the JSON.',
    {},
    async (exchange) => cut(await exchange.process()),
  ),
  huge: kind(
    'Processes the request and answers with a body of that size.',
    { bytes: v.optional(whole(1, 268_435_456, 'Bytes of padding'), 2_097_152) },
    async (exchange, options) => withMember(await exchange.process(), 'padding', 'x'.repeat(options.bytes)),
  ),
  endless: kind(
    'Processes the request and answers with a body that never ends.',
    {
      chunk_bytes: v.optional(whole(1, 1_048_576, 'Bytes of each piece'), 65_536),
      pause_ms: v.optional(whole(1, 60_000, 'Milliseconds between pieces'), 10),
    },
    async (exchange, options) => endless(await exchange.process(), options, exchange.closing),
  ),
  too_many_requests: kind(
    'Answers 429 with an empty body.',
    { retry_after: retryAfter, ...processed(false) },
    async (exchange, options) => instead(exchange, options.processed, plain(429, '', options.retry_after)),
  ),
  server_error: kind(
    'Answers a 5xx with an HTML page.',
    {
      status: v.optional(whole(500, 599, 'Status'), 503),
      retry_after: retryAfter,
      ...processed(false),
    },
    async (exchange, options) =>
      instead(exchange, options.processed, plain(options.status, ERROR_PAGE, options.retry_after)),
  ),
  error_in_200: kind(
    'Answers 200 with an `error`; when processed, beside the members of the real answer.',
    { error: text('The `error`', 'invalid_client'), ...processed(false) },
    async (exchange, options) => {
      const error = { error: options.error, error_description: 'A simulated failure.' };
      if (!options.processed) return json(200, error);
      return withMembers(await exchange.process(), error);
    },
  ),
  message_only: kind(
    'Answers 400 with a `message` and no `error`.',
    { message: text('The `message`', 'A simulated failure.'), ...processed(false) },
    async (exchange, options) =>
      instead(exchange, options.processed, json(400, { message: options.message })),
  ),
  empty_object: kind(
    'Answers 200 with `{}`.',
    { status: v.optional(whole(200, 599, 'Status'), 200), ...processed(true) },
    async (exchange, options) => instead(exchange, options.processed, json(options.status, {})),
  ),
  empty_body: kind(
    'Answers 200 with nothing.',
    { status: v.optional(whole(200, 599, 'Status'), 200), ...processed(true) },
    async (exchange, options) => instead(exchange, options.processed, plain(options.status, '')),
  ),
  oauth_error: kind(
    'Answers with an RFC 6749 error, e.g. `invalid_client` or `invalid_grant`.',
    {
      error: text('The `error`', 'invalid_grant'),
      status: v.optional(whole(400, 599, 'Status'), 400),
      ...processed(false),
    },
    async (exchange, options) =>
      instead(
        exchange,
        options.processed,
        json(options.status, { error: options.error, error_description: 'A simulated failure.' }),
      ),
  ),
  unauthorized: kind(
    'Answers 401 with WWW-Authenticate, and the error in the body.',
    {
      error: text('The `error`', 'invalid_client'),
      challenge: text('WWW-Authenticate', 'Basic realm="simulation"'),
      ...processed(false),
    },
    async (exchange, options) =>
      instead(
        exchange,
        options.processed,
        json(401, { error: options.error }, { 'www-authenticate': options.challenge }),
      ),
  ),
  redirect: kind(
    'Answers with a redirect; the default location counts whoever follows it as `redirects_followed`.',
    {
      location: v.optional(v.pipe(v.string(), v.url(), v.description('Absolute URL'))),
      status: v.optional(v.pipe(v.picklist([301, 302, 303, 307, 308]), v.description('Default 302')), 302),
      ...processed(false),
    },
    async (exchange, options) => {
      const location = options.location ?? `${exchange.origin}/_simulator/followed`;
      const answer = { status: options.status, headers: { location }, body: '' };
      return instead(exchange, options.processed, answer);
    },
  ),
  created: kind('Processes the request and answers 201 instead of 200.', {}, async (exchange) => ({
    ...(await exchange.process()),
    status: 201,
  })),
  odd_member: kind(
    'Processes the request and answers with `member` changed to `value`, or left out without one. ' +
      'For `refresh_token`, the vendor keeps the one that it has.',
    {
      member: v.pipe(v.string(), v.description('E.g. expires_in, token_type, scope, refresh_token')),
      value: v.optional(v.pipe(v.unknown(), v.description('Anything that JSON has'))),
    },
    async (exchange, { member, value }) => {
      const answer = await exchange.process({ keepRefreshToken: member === 'refresh_token' });
      return withMember(answer, member, value);
    },
  ),
} as const satisfies Record<string, FaultKind>;

export type FaultName = keyof typeof FAULTS;

async function instead(exchange: Exchange, processFirst: boolean, answer: Answer): Promise<Answer> {
  if (processFirst) await exchange.process();
  return answer;
}

function plain(status: number, body: string, retry?: string | number): Answer {
  const headers: Record<string, string> = { 'content-type': 'text/html; charset=utf-8' };
  if (retry !== undefined) headers['retry-after'] = String(retry);
  return { status, headers, body };
}

function withMember(answer: Answer, member: string, value: unknown): Answer {
  return withMembers(answer, { [member]: value });
}

/** JSON leaves out members that are `undefined`; an answer that is no JSON object stays as it is. */
function withMembers(answer: Answer, members: Record<string, unknown>): Answer {
  if (!answer.body.startsWith('{')) return answer;
  return { ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), ...members }) };
}
