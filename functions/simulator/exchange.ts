import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Endpoint, Tally } from './counters.ts';
import type { FaultPlan } from './fault-plan.ts';
import { type Answer, json, parseRequest, Refusal, type VendorRequest } from './http.ts';
import type { Sabotage } from './sabotage.ts';
import { admits } from './settings.ts';
import type { Route, VendorState } from './vendor-definition.ts';

/** Pages are for people: they are neither slowed down nor kept from anyone. */
const PAGES: readonly Endpoint[] = ['authorize', 'verification'];

export interface Served {
  readonly vendor: VendorState;
  readonly routes: readonly Route[];
  readonly faults: FaultPlan;
  /** Aborted when the vendor is closed. */
  readonly closing: AbortSignal;
}

/**
 * One request to a vendor's own endpoint, from reading it to the last byte of its answer. It is processed
 * to the end even if the client leaves: that is how a vendor spends a refresh token that nobody hears of.
 */
export async function serve(
  served: Served,
  url: URL,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { counters } = served.vendor;
  counters.enter();
  response.once('close', () => counters.leave());
  const route = served.routes.find(({ path, method }) => path === url.pathname && method === incoming.method);
  const endpoint = route?.endpoint;
  let tally: Tally | undefined;
  let outcome: Answer | Sabotage;
  try {
    const request = await parseRequest(incoming, url);
    const { grant_type } = request.parameters;
    tally = counters.receive(endpoint ?? 'unknown', grant_type);
    const fault = endpoint && served.faults.take(endpoint, grant_type);
    outcome = fault
      ? await fault({
          process: (options = {}) => processed(served, route, request, options),
          origin: served.vendor.origin,
          closing: served.closing,
        })
      : await processed(served, route, request, {});
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    tally ??= counters.receive(endpoint ?? 'unknown', undefined);
    outcome = error.answer;
  }
  await deliver(outcome, response, tally);
}

async function processed(
  { vendor, routes, closing }: Served,
  route: Route | undefined,
  request: VendorRequest,
  options: { keepRefreshToken?: boolean },
): Promise<Answer> {
  if (!route) return notServed(routes, request);
  const settings = vendor.settings();
  if (!PAGES.includes(route.endpoint)) {
    if (settings.latency_ms > 0) await wait(settings.latency_ms, undefined, { signal: closing });
    if (!admits(settings, request.remoteAddress)) {
      const description = `The address ${request.remoteAddress} is not on the allow-list.`;
      return json(403, { error: 'access_denied', error_description: description });
    }
  }
  try {
    return await route.handle(request, { keepRefreshToken: false, ...options });
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

function notServed(routes: readonly Route[], request: VendorRequest): Answer {
  const methods = routes.filter(({ path }) => path === request.url.pathname).map(({ method }) => method);
  return methods.length === 0
    ? json(404, { message: 'Not found' })
    : json(405, { message: 'Method not allowed' }, { allow: methods.join(', ') });
}

/** Counts the outcome before the client can know of it, so that a client that was answered finds it counted. */
async function deliver(outcome: Answer | Sabotage, response: ServerResponse, tally: Tally): Promise<void> {
  if (typeof outcome === 'function') {
    tally.failed += 1;
    return outcome(response);
  }
  const success = outcome.status >= 200 && outcome.status < 300 && !response.destroyed;
  tally[success ? 'answered' : 'failed'] += 1;
  send(response, outcome);
}

export function send(response: ServerResponse, answer: Answer): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
  response.end(body);
}
