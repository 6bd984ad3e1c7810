/** People who consent, and grants in whatever state a test needs, on top of `broker.ts`. */
import { randomUUID } from 'node:crypto';
import type { Stores } from '../../functions/compose.ts';
import type { Ask } from '../../shared/broker/audit.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import type { Grant, Stored } from '../../shared/broker/ports.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import type { ConsentAnswer, ConsentStatusAnswer } from '../../shared/contract/messages.ts';
import { present } from '../../shared/contract/present.ts';
import { jsonBody } from './ask.ts';
import { type BrokerProcess, type BrokerWorld, CALLER, HTTPS_LIMIT } from './broker.ts';

/** What a test asks of the grants of one connection, as one process of the broker. */
export interface GrantProcess extends BrokerProcess {
  readonly connection: Connection;
  /** Begins a consent. */
  begin(body?: object, as?: string): Promise<ConsentAnswer>;
  /** Begins a consent, and goes on with it in a browser, unless it is for a device. */
  start(body?: object, as?: string): Promise<ConsentAnswer & { authorization_url?: string }>;
  /** Polls a consent, or finishes it with a code. */
  proceed(consent: string, body?: object, as?: string): Promise<ConsentStatusAnswer>;
  /** Loads the callback page with the vendor's answer. */
  callback(url: URL): ReturnType<BrokerProcess['broker']['callback']>;
  /** A whole consent, as a person gives it. */
  consent(subject?: string, options?: { replace?: boolean }): Promise<Stored<Grant>>;
  revoke(subject?: string, force?: string): ReturnType<BrokerProcess['broker']['revoke']>;
  describe(subject?: string): ReturnType<BrokerProcess['broker']['describe']>;
  /** The number of the connection's grants by state. */
  counts(as?: string): ReturnType<BrokerProcess['broker']['describe']>;
  userinfo(): Promise<object>;
  /** A page of the connection's grants. */
  grants(query?: Record<string, string>, as?: string): ReturnType<BrokerProcess['broker']['grants']>;
  sweep(options?: { lookAhead?: number; within?: number }): ReturnType<BrokerProcess['broker']['sweep']>;
  /** The grant as it is stored. @throws Error when there is none */
  grant(subject?: string): Promise<Stored<Grant>>;
  /** What happened to the grant, in order. */
  changes(subject?: string): string[];
}

/** Who a grant belongs to when a test does not care. */
const SOMEBODY = 'default';

/** Registered for the demo clients. */
const REDIRECT_URI = 'http://127.0.0.1:8787/callback';

/** A process that has the connections, and asks for grants of the first. */
export function grantProcess(
  world: BrokerWorld,
  connections: Connection | readonly [Connection, ...Connection[]],
  options: Parameters<BrokerWorld['process']>[1] = {},
): GrantProcess {
  const [connection] = [connections].flat() as [Connection];
  const process = world.process(connections, options);
  const { broker, stores } = process;
  const { name } = connection;
  const span = (within = HTTPS_LIMIT) => {
    const begunAt = world.clock.now();
    return { begunAt, endsAt: begunAt + within };
  };
  const ask = (sent: Pick<Ask, 'body' | 'path' | 'query'>, as = CALLER): Ask => ({
    caller: httpsCaller(as),
    connection: name,
    span: span(),
    ...sent,
  });
  const begin: GrantProcess['begin'] = (body = {}, as) =>
    broker.startConsent(ask({ body: jsonBody(body) }, as));
  const start: GrantProcess['start'] = async (body, as) => {
    const answer = await begin(body, as);
    if ('user_code' in answer) return answer;
    const secret = secretOf(answer);
    const next = await broker.continueConsent({ secret, ...span() });
    if (!('location' in next)) throw new Error(`Nothing to go on with: ${next.kind}`);
    browsers.set(new URL(next.location).searchParams.get('state') ?? PUSHED, next.browser);
    return { ...answer, authorization_url: next.location };
  };
  const callback: GrantProcess['callback'] = (url) => {
    const { pathname: path, searchParams: parameters } = url;
    const browser = browsers.get(parameters.get('state') ?? '') ?? browsers.get(PUSHED);
    return broker.callback({ path, parameters, ...present({ browser }), ...span() });
  };
  const grant: GrantProcess['grant'] = async (subject = SOMEBODY) => {
    const found = await stores.grants.read({ connection: name, subject });
    // The place of a forgotten one is held for a while.
    if (!found || found.status === 'forgotten') throw new Error(`${name} has no grant of ${subject}`);
    return found;
  };
  return {
    ...process,
    connection,
    begin,
    start,
    callback,
    grant,
    proceed: (consent, body = {}, as) =>
      broker.proceedConsent(ask({ path: { consent }, body: jsonBody(body) }, as)),
    async consent(subject = SOMEBODY, { replace = false } = {}) {
      const { authorization_url } = redirecting(await start({ subject, replace }));
      const outcome = await callback(await decide(authorization_url));
      if (outcome.kind !== 'connected') throw new Error(`Not connected: ${JSON.stringify(outcome)}`);
      return grant(subject);
    },
    revoke: (subject = SOMEBODY, force) => broker.revoke(ask({ path: { subject }, query: { force } })),
    describe: (subject = SOMEBODY) => broker.describe(ask({ query: { subject } })),
    counts: (as) => broker.describe(ask({}, as)),
    userinfo: () => broker.userinfo(ask({})),
    grants: (query = {}, as) => broker.grants(ask({ query }, as)),
    sweep: ({ lookAhead = 0, within = 300_000 } = {}) =>
      broker.sweep({ shard: 0, lookAhead, endsAt: world.clock.now() + within }),
    changes: (subject = SOMEBODY) =>
      process.events.flatMap((event) =>
        event.type === 'grant' && event.subject === subject ? [event.change] : [],
      ),
  };
}

/** Bugfender's integrations: nothing is revocable there, access tokens survive a refresh. */
export const portal = (world: BrokerWorld, members: object = {}) =>
  world.connect(
    { vendor: 'bugfender', grant: 'authorization_code', redirect_uri: REDIRECT_URI, ...members },
    'bugfender-integration',
  );

/** Bipsync as a user: a refresh ends the access token before it. */
export const research = (world: BrokerWorld, members: object = {}) =>
  world.connect(
    {
      vendor: 'bipsync',
      grant: 'authorization_code',
      scope: 'research:read',
      redirect_uri: REDIRECT_URI,
      ...members,
    },
    'bipsync-user',
  );

/** The simulated Bipsync's server as any RFC 6749 server: revocable, by discovery. */
export const revocable = (world: BrokerWorld, members: object = {}) =>
  world.connect(
    {
      vendor: 'custom',
      issuer: world.vendors.origins.bipsync,
      grant: 'authorization_code',
      client_auth: 'client_secret_post',
      scope: 'research:read',
      redirect_uri: REDIRECT_URI,
      ...members,
    },
    'bipsync-user',
  );

export const kiosk = (world: BrokerWorld, members: object = {}) =>
  world.connect(
    {
      vendor: 'bipsync',
      grant: 'urn:ietf:params:oauth:grant-type:device_code',
      client_auth: 'none',
      scope: 'research:read',
      ...members,
    },
    'bipsync-kiosk',
  );

/** What the cookie of the browser holds that was sent to the vendor, by the `state` that it was sent with. */
const browsers = new Map<string, string>();
/** In place of a `state` that only the vendor was told. */
const PUSHED = 'pushed';

/** The secret part of a consent's address. */
export function secretOf({ consent_url }: ConsentAnswer): string {
  return new URL(consent_url).pathname.split('/').at(-1)!;
}

type Redirecting = ConsentAnswer & { authorization_url: string };
type Device = Extract<ConsentAnswer, { user_code: string }>;

export function redirecting(answer: ConsentAnswer & { authorization_url?: string }): Redirecting {
  const { authorization_url } = answer;
  if (authorization_url === undefined) throw new Error('A device consent was begun.');
  return { ...answer, authorization_url };
}

export function device(answer: ConsentAnswer): Device {
  if (!('user_code' in answer)) throw new Error('An authorization was begun.');
  return answer;
}

export async function decide(
  authorizationUrl: string,
  decision: 'approve' | 'deny' = 'approve',
): Promise<URL> {
  const response = await submit(authorizationUrl, { decision, user: 'ada' });
  const location = response.headers.get('location');
  if (location === null) throw new Error(`No redirect: ${await response.text()}`);
  return new URL(location);
}

/** As a browser submits a form. */
export function submit(url: string, fields: Record<string, string>): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
}

/** Bounds that make failures a matter of moments. */
export const quick = { settle: 20, pollFirst: 10, pollLast: 30, attemptTimeout: 1_000 };

/** Puts the clock to where a token of an hour is due for renewal, by callers too. */
export function untilDue(world: BrokerWorld): void {
  world.clock.advance(3_500_000);
}

/** A subject that no other test uses. */
export function someone(): string {
  return `user-${randomUUID()}`;
}

/** What a test does around the writes of one process to the grants, counted from 1 on. */
export interface WriteHooks {
  /** Before the write; what it throws is what the write throws. */
  readonly before?: (count: number) => Promise<void> | void;
  /** After the write was applied; what it throws is what the write throws. */
  readonly after?: (count: number) => Promise<void> | void;
}

export function hooked(stores: Stores, { before, after }: WriteHooks): Stores {
  let count = 0;
  const write: Stores['grants']['write'] = async (seen, next) => {
    count += 1;
    const mine = count;
    await before?.(mine);
    const stored = await stores.grants.write(seen, next);
    await after?.(mine);
    return stored;
  };
  return { ...stores, grants: { ...stores.grants, write } };
}
