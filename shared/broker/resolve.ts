/**
 * From a request to a token: memory, table, lease, vendor, in that order and never further than needed.
 *
 * One process has one flight per key at a time; those who come meanwhile join it, and each judges its outcome
 * by its own need. Between processes the lease in the table does the same (`mint.ts`, `refresh.ts`).
 */
import type { TokenOrigin } from '../contract.ts';
import { BrokerError } from '../errors.ts';
import type { Clock } from '../oauth/clock.ts';
import type { Token } from '../oauth/token.ts';
import type { Timing } from './constants.ts';
import type { Observe } from './events.ts';
import { busy, endedAlready, rememberedError, stillStands } from './failure.ts';
import { judge, renewalDue } from './judge.ts';
import type { MemoryCache } from './memory-cache.ts';
import type { Failure, GrantKey, Lease } from './ports.ts';
import type { ServedToken, TokenRequest, TokenSource } from './request.ts';

/** What stands in the table for one key, and the right to renew just that. */
export interface Look {
  readonly token?: Token;
  readonly lease?: Lease;
  readonly failure?: Failure;
  /** When the last mint forced by `rejected` or `min_ttl` was sent. */
  readonly forcedAt?: number;
  /** Set when the table could not say: the token is what this process remembers. */
  readonly source?: 'memory';
  /** Why there is nothing to renew with, whatever the need. */
  readonly impediment?: BrokerError;
  /**
   * Takes the lease on what was seen, asks the vendor, stores the answer.
   * `undefined`: another worker has written since the look.
   */
  renew(forced: boolean): Promise<Token | undefined>;
}

/** Where one key's token is kept, and how a new one is got: by minting or by refreshing. */
export interface Place {
  readonly key: string;
  /** Milliseconds before expiry at which a token is renewed though it still satisfies. */
  readonly margin: number;
  /** … or at this share of the token's life, when that is less; absent: a fifth. */
  readonly share?: number;
  /**
   * Whether a new token ends the one before it (invariant 11): then memory answers nothing without a look at
   * the table, and `min_ttl` forces nothing.
   */
  readonly exclusive: boolean;
  look(consistent: boolean): Promise<Look>;
}

/** A token that the table, or the vendor, confirmed at a time (milliseconds since the epoch). */
export interface Remembered extends GrantKey {
  readonly token: Token;
  readonly confirmedAt: number;
}

export interface ResolverParts {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly memory: MemoryCache<Remembered>;
  readonly observe: Observe;
  readonly placeOf: (request: TokenRequest) => Place;
}

/** Why a flight did not bring what its leader wanted. */
type Obstacle =
  | { readonly kind: 'failed'; readonly error: BrokerError; readonly leader: TokenRequest }
  | { readonly kind: 'interval'; readonly until: number }
  | { readonly kind: 'exclusive' }
  | { readonly kind: 'leased'; readonly until: number };

interface Outcome {
  readonly token?: Token;
  readonly source: TokenOrigin;
  readonly obstacle?: Obstacle;
}

interface Flight {
  readonly looked: Promise<Look>;
  readonly landed: Promise<Outcome>;
}

/** Kept of an invocation's time for its answer, in milliseconds. */
const ANSWER_RESERVE = 500;

export function resolver(parts: ResolverParts): TokenSource {
  const { clock, timing, memory, observe } = parts;
  const flights = new Map<string, Flight>();

  return async (request) => {
    const place = parts.placeOf(request);
    let pause = timing.pollFirst;
    for (let waited = false; ; waited = true) {
      const outcome =
        fromMemory(place, request) ?? (await inTime(request, flyOrJoin(place, request, waited)));
      const answer = answerFor(request, outcome);
      if (answer || outcome.obstacle?.kind === 'leased') {
        if (waited && answer) observe({ type: 'lease_wait', ...waitOf(request) });
        if (answer) return answer;
        const now = clock.now();
        if (now + pause > lastPoll(request)) return insteadOfWaiting(request, outcome, now);
        await clock.sleep(pause * (0.5 + Math.random() / 2));
        pause = Math.min(pause * 2, timing.pollLast);
      }
    }
  };

  /** A token confirmed lately that satisfies, unless it should be renewed and nobody here is at it. */
  function fromMemory(place: Place, request: TokenRequest): Outcome | undefined {
    const found = place.exclusive ? undefined : memory.get(place.key);
    const now = clock.now();
    if (!found || found.confirmedAt + timing.memoryRecheck <= now) return undefined;
    if (judge(found.token, request, timing, now) !== 'good') return undefined;
    if (renewalDue(found.token, place.margin, now, place.share) && !flights.has(place.key)) return undefined;
    return { token: found.token, source: 'memory' };
  }

  /** One look at the table and at most one renewal, shared by all who ask for this key meanwhile. */
  async function flyOrJoin(place: Place, request: TokenRequest, consistent: boolean): Promise<Outcome> {
    const flight = flights.get(place.key);
    if (!flight) return takeOff(place, request, consistent).landed;
    const { token } = await flight.looked;
    // Whom the token in hand satisfies does not wait for its renewal.
    if (token && judge(token, request, timing, clock.now()) === 'good') return { token, source: 'table' };
    return flight.landed;
  }

  function takeOff(place: Place, request: TokenRequest, consistent: boolean): Flight {
    const looked = place.look(consistent);
    const landed = looked
      .then((look) => renewIfNeeded(place, request, look))
      .finally(() => flights.delete(place.key));
    const flight = { looked, landed };
    flights.set(place.key, flight);
    return flight;
  }

  async function renewIfNeeded(place: Place, request: TokenRequest, look: Look): Promise<Outcome> {
    const now = clock.now();
    const seen: Outcome = { ...(look.token && { token: look.token }), source: look.source ?? 'table' };
    if (look.token) remember(place, request, look.token);

    if (look.impediment) return { ...seen, obstacle: failed(look.impediment, request) };

    const verdict = judge(look.token, request, timing, now);
    const due = !look.token || renewalDue(look.token, place.margin, now, place.share);
    if (verdict === 'good' && !due) return seen;
    if (verdict === 'short' && !due && place.exclusive) return { ...seen, obstacle: { kind: 'exclusive' } };
    if (stillStands(look.failure, request.begunAt, now)) {
      return { ...seen, obstacle: failed(rememberedError(look.failure, now), request) };
    }
    const forced = verdict === 'short' || verdict === 'refused';
    const nextForced =
      (look.forcedAt ?? Number.NEGATIVE_INFINITY) + request.connection.minMintInterval * 1000;
    if (forced && nextForced > now) return { ...seen, obstacle: { kind: 'interval', until: nextForced } };
    if (look.lease && look.lease.until > now) {
      return { ...seen, obstacle: { kind: 'leased', until: look.lease.until } };
    }
    try {
      const token = await look.renew(forced);
      if (!token) return { ...seen, obstacle: { kind: 'leased', until: now } };
      if (token.expiresAt <= clock.now()) throw endedAlready();
      remember(place, request, token);
      return { token, source: 'vendor' };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return { ...seen, obstacle: failed(error, request) };
    }
  }

  function remember(place: Place, { connection, subject }: TokenRequest, token: Token): void {
    memory.put(place.key, { token, confirmedAt: clock.now(), connection: connection.name, subject });
  }

  /** The answer that an outcome is to this request; `undefined` when it must look again. */
  function answerFor(request: TokenRequest, outcome: Outcome): ServedToken | undefined {
    const { token, source, obstacle } = outcome;
    const now = clock.now();
    const verdict = judge(token, request, timing, now);
    if (token && verdict === 'good') {
      return served(token, source, obstacle?.kind === 'failed' ? renewalFailed(obstacle.error) : undefined);
    }
    if (obstacle?.kind === 'failed') {
      // That the leader had too little time left says nothing about a joiner with more.
      if (obstacle.error.code === 'busy' && obstacle.leader !== request) return undefined;
      if (token && verdict === 'short') return served(token, source, renewalFailed(obstacle.error));
      throw obstacle.error;
    }
    if (obstacle?.kind === 'exclusive' && token && verdict === 'short')
      return served(token, source, EXCLUSIVE);
    if (obstacle?.kind === 'interval') {
      const retryAfter = (obstacle.until - now) / 1000;
      if (token && verdict === 'short') return served(token, source, heldBack(retryAfter));
      if (verdict === 'refused') throw rejectedAgain(retryAfter);
    }
    // The vendor gave the refused token once more: asking again would only repeat that.
    if (verdict === 'refused' && source === 'vendor') throw rejectedAgain(request.connection.minMintInterval);
    return undefined;
  }

  function insteadOfWaiting(
    request: TokenRequest,
    { token, source, obstacle }: Outcome,
    now: number,
  ): ServedToken {
    const until = obstacle?.kind === 'leased' ? obstacle.until : now;
    const error = busy(
      'Another worker is getting this token and did not finish in time. Try again.',
      (until - now) / 1000,
    );
    if (token && judge(token, request, timing, now) === 'short')
      return served(token, source, renewalFailed(error));
    throw error;
  }

  function lastPoll(request: TokenRequest): number {
    return Math.min(request.endsAt - ANSWER_RESERVE, request.begunAt + timing.waitLimit);
  }

  function waitOf(request: TokenRequest): { connection: string; duration: number } {
    return { connection: request.connection.name, duration: clock.now() - request.begunAt };
  }

  /** A joined flight may outlast this invocation; its answer may not. */
  async function inTime(request: TokenRequest, outcome: Promise<Outcome>): Promise<Outcome> {
    const settled = new AbortController();
    const left = request.endsAt - ANSWER_RESERVE - clock.now();
    const late = clock.sleep(Math.max(0, left), settled.signal).then((): Outcome => {
      return {
        source: 'table',
        obstacle: failed(busy('The token did not come in time. Try again.'), request),
      };
    });
    return Promise.race([outcome, late]).finally(() => settled.abort());
  }
}

function failed(error: BrokerError, leader: TokenRequest): Obstacle {
  return { kind: 'failed', error, leader };
}

function served(token: Token, source: TokenOrigin, warning: string | undefined): ServedToken {
  return { token, source, ...(warning === undefined ? {} : { warning }) };
}

function renewalFailed(error: BrokerError): string {
  return `A new token could not be had (${error.code}: ${error.message}); this one is still valid.`;
}

const EXCLUSIVE =
  'A refresh at this vendor ends the current token for everybody else, so that min_ttl does not force one; this is the current one.';

function heldBack(retryAfter: number): string {
  return `A new token was minted on demand less than min_mint_interval ago; this is the current one. Ask again in ${Math.ceil(retryAfter)} s.`;
}

function rejectedAgain(retryAfter: number): BrokerError {
  return new BrokerError(
    'vendor_rejected',
    "The vendor's API refused the current token, and a new one was minted on demand less than min_mint_interval ago.",
    { retryAfter },
  );
}
