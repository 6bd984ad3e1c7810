/**
 * Stands where API Gateway's HTTP API stands in the deployment: matches the route, has the signature
 * checked before any function runs, and hands the function a payload 2.0 event.
 */

import { randomUUID } from 'node:crypto';
import { FUNCTIONS } from '../../shared/contract/names.ts';
import openApi from '../../shared/contract/openapi.json' with { type: 'json' };
import { isCallerRoute, type MatchedRoute, matchRoute } from '../../shared/contract/routes.ts';
import { isConsolePath } from '../console/address.ts';
import type { Console } from '../console/console.ts';
import { answerOf, eventOf, withIdentity } from './gateway-event.ts';
import { type LocalHandlers, run, TimedOut } from './handlers.ts';
import { type Answer, jsonAnswer, type LocalServer, originRefusal, type Received, serve } from './http.ts';
import { type Identity, LOCAL_REGION } from './identities.ts';
import { CHALLENGE, CHALLENGE_HEADER, proofOf } from './registry.ts';
import { SignatureRefused, verifySignature } from './sigv4.ts';

interface GatewayOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** A promise, because the handlers want to know this gateway's URL. */
  readonly handlers: Promise<LocalHandlers>;
  /** The secret of every key id. */
  readonly key: string;
  /** The operator's console, beside the routes; absent: there is none. */
  readonly console?: Console;
  /** What `GET /health` proves the broker by; absent: the key. */
  readonly proof?: string;
  /** Milliseconds since the epoch; signatures are judged by it. */
  readonly now?: () => number;
  /** Milliseconds that a function may take; 29,000 where absent. */
  readonly timeout?: number;
  /** Milliseconds that a client has to send its request. */
  readonly requestTimeout?: number;
}

/** API Gateway's quotas for HTTP APIs, in bytes. */
const BODY_LIMIT = 10 * 1024 * 1024;
const HEADER_LIMIT = 10_240;

/** @throws PortUnavailable */
export function startGateway(options: GatewayOptions): Promise<LocalServer> {
  return serve({
    port: options.port,
    option: '--port',
    bodyLimit: BODY_LIMIT,
    headerLimit: HEADER_LIMIT,
    ...(options.requestTimeout === undefined ? {} : { requestTimeout: options.requestTimeout }),
    respond: (request) => respond(request, options),
  });
}

async function respond(request: Received, options: GatewayOptions): Promise<Answer> {
  if (options.console && isConsolePath(request.rawPath)) return options.console(request);
  const route = routeOf(request);
  // A browser opens the public routes, so that `Origin` is accepted there.
  const open = route !== undefined && route !== 'malformed' && !isCallerRoute(route.key);
  const foreign = open ? undefined : originRefusal(request);
  if (foreign) return foreign;
  if (request.tooLarge) return jsonAnswer(413, { message: 'Request Entity Too Large' });
  if (request.method === 'GET' && request.rawPath === '/health') return health(request, options);
  if (request.method === 'GET' && request.rawPath === '/openapi.json') return jsonAnswer(200, openApi);
  if (route === 'malformed') return jsonAnswer(400, { message: 'Bad Request' });
  if (route === undefined) return jsonAnswer(404, { message: 'Not Found' });
  const now = (options.now ?? Date.now)();
  const identity = open ? undefined : await identify(request, options.key, now);
  if (identity instanceof SignatureRefused) return forbidden(identity);
  return invoke(request, route, identity, now, options);
}

/** With its parameters decoded; `malformed` when one is not percent-encoded UTF-8. */
function routeOf({ method, rawPath }: Received): MatchedRoute | 'malformed' | undefined {
  const route = matchRoute(method, rawPath);
  if (!route) return undefined;
  const decoded = ([name, value]: [string, string]) => [name, decodeURIComponent(value)] as const;
  try {
    return { ...route, parameters: Object.fromEntries(Object.entries(route.parameters).map(decoded)) };
  } catch {
    return 'malformed';
  }
}

/** Whoever is about to send a secret here sees first that this is the broker it means (`registry.ts`). */
function health({ headers }: Received, { key, proof = key }: GatewayOptions): Answer {
  const challenge = headers[CHALLENGE_HEADER] ?? '';
  const proven = CHALLENGE.test(challenge) && { proof: proofOf(proof, challenge) };
  return jsonAnswer(200, { status: 'ok', ...proven });
}

async function identify(request: Received, key: string, now: number): Promise<Identity | SignatureRefused> {
  try {
    return await verifySignature(request, { service: 'execute-api', region: LOCAL_REGION, now, key });
  } catch (error) {
    if (error instanceof SignatureRefused) return error;
    throw error;
  }
}

/** As API Gateway answers, and the reason, which it keeps to itself. */
function forbidden({ problem, message }: SignatureRefused): Answer {
  return jsonAnswer(403, { message: 'Forbidden', reason: message }, { 'x-amzn-errortype': problem });
}

async function invoke(
  request: Received,
  route: MatchedRoute,
  identity: Identity | undefined,
  now: number,
  { handlers, timeout }: GatewayOptions,
): Promise<Answer> {
  const requestId = randomUUID();
  const event = eventOf(request, route, requestId, now);
  const limits = FUNCTIONS[identity ? 'https' : 'callback'];
  const settings = { ...limits, timeout: timeout ?? limits.timeout, requestId };
  const { https, callback } = await handlers;
  try {
    const result = identity
      ? await run(https, withIdentity(event, identity), settings)
      : await run(callback, event, settings);
    return answerOf(result, requestId);
  } catch (error) {
    if (error instanceof TimedOut) return jsonAnswer(503, { message: 'Service Unavailable' });
    return jsonAnswer(500, { message: 'Internal Server Error' });
  }
}
