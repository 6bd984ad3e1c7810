/**
 * From a request to a token: memory, table, lease, vendor, in that order and never further than needed.
 *
 * One process has one flight per key at a time; requests that come meanwhile join it, and each checks the outcome
 * against its own need. Between processes the lease in the table does the same (`mint.ts`, `grants/refresh.ts`).
 */

import { BrokerError } from '../../contract/errors.ts';
import type { MemoryCache } from '../../contract/memory-cache.ts';
import type { TokenOrigin } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import { type Clock, NOT_NEEDED } from '../../oauth/clock.ts';
import type { Token } from '../../oauth/token.ts';
import type { Observe } from '../events.ts';
import type { Failure, Forced, GrantKey, Lease } from '../ports.ts';
import type { ServedToken, TokenRequest, TokenSource } from '../request.ts';
import type { Timing } from '../times.ts';
import { reporterOf } from '../vendor/budget.ts';
import { busy, endedAlready, rememberedError, stillStands } from '../vendor/failure.ts';
import { fitnessOf, renewalDue } from './fitness.ts';
import { type Flight, SingleFlight } from './single-flight.ts';

/** What the table says of one key. */
interface SeenState {
  readonly token?: Token;
  readonly lease?: Lease;
  readonly failure?: Failure;
  readonly forced?: Forced;
  /** Before then the vendor renews nothing; milliseconds since the epoch. */
  readonly renewableFrom?: number;
  /** Set when the table could not say: the token is what this process remembers. */
  readonly source?: 'memory';
}

/**
 * Takes the lease on what was read, asks the vendor, stores the answer.
 * `undefined`: another worker has written since.
 */
export type Renew = (forced: boolean) => Promise<Token | undefined>;

/** What was read of one key, and either the right to renew just that or why it cannot be renewed, whatever the need. */
export type KeyState = SeenState & ({ readonly renew: Renew } | { readonly blockedBy: BrokerError });

/** Where one key's token is kept, and how a new one is got: by minting or by refreshing. */
export interface TokenSupply {
  readonly key: string;
  /** Milliseconds before expiry at which a token is renewed though it still satisfies. */
  readonly margin: number;
  /** … or at this share of the token's life, when that is less; absent: a fifth. */
  readonly share?: number;
  /**
   * Whether a new token ends the one before it (invariant 11): then memory answers nothing without asking the
   * table, and `min_ttl` forces nothing.
   */
  readonly exclusive: boolean;
  read(consistent: boolean): Promise<KeyState>;
}

/** A token that the table, or the vendor, confirmed at a time (milliseconds since the epoch). */
export interface Remembered extends GrantKey {
  readonly token: Token;
  readonly confirmedAt: number;
}

interface ResolverParts {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly memory: MemoryCache<Remembered>;
  readonly observe: Observe;
  readonly supplyOf: (request: TokenRequest) => TokenSupply;
}

/** Why a flight did not bring what the request that began it wanted. */
type Reason =
  | { readonly kind: 'failed'; readonly error: BrokerError; readonly leader: TokenRequest }
  | { readonly kind: 'interval'; readonly until: number; readonly by: keyof typeof INTERVALS }
  | { readonly kind: 'exclusive' }
  /** `ending`: the renewal under way may end the token that was seen. */
  | { readonly kind: 'leased'; readonly until: number; readonly ending?: true };

interface Outcome {
  readonly token?: Token;
  readonly source: TokenOrigin;
  readonly reason?: Reason;
}

/** A flight, and whether this request began it. */
type Joined = Flight<KeyState, Outcome> & { readonly own: boolean };

/** The pause before another worker's renewal is looked at again; `at`: milliseconds since the epoch. */
interface Look {
  readonly at: number;
  readonly over: Promise<void>;
}

/** Kept of an invocation's time for its answer, in milliseconds. */
const ANSWER_RESERVE = 500;

export function resolver(parts: ResolverParts): TokenSource {
  const { clock, timing, memory, observe } = parts;
  // Within its lease a renewal is over, and what is stored of it stored.
  const flights = new SingleFlight<KeyState, Outcome>(clock, timing.deadline + timing.clockSkew);
  const looks = new Map<string, Look>();

  return async (request) => {
    const supply = parts.supplyOf(request);
    for (let waited = false; ; waited = true) {
      const outcome =
        fromMemory(supply, request) ??
        (await outcomeOf(supply, request, joinOrStart(supply, request, waited)));
      const answer = answerFor(request, outcome);
      if (answer || outcome.reason?.kind === 'leased') {
        if (waited && answer) observe({ type: 'lease_wait', ...waitOf(request) });
        if (answer) return answer;
        const look = nextLook(supply, request);
        if (look.at > lastPoll(supply, request, outcome))
          return insteadOfWaiting(request, outcome, clock.now());
        await look.over;
      }
    }
  };

  /**
   * When a request whose key another worker renews looks again. Those in this process that wait for one key do so together,
   * so that one read serves them; whoever has waited less than they have does not wait as long as they do.
   */
  function nextLook({ key }: TokenSupply, { begunAt }: TokenRequest): Look {
    const now = clock.now();
    const { pollFirst, pollLast, pollShare } = timing;
    const longest = Math.min(Math.max(pollFirst, (now - begunAt) * pollShare), pollLast);
    const known = looks.get(key);
    if (known && known.at <= now + longest) return known;
    const pause = longest * (0.5 + Math.random() / 2);
    const over = clock.sleep(pause).then(() => {
      if (looks.get(key) === look) looks.delete(key);
    });
    const look: Look = { at: now + pause, over };
    looks.set(key, look);
    return look;
  }

  /** A token confirmed lately that satisfies, unless it should be renewed and nobody here is at it. */
  function fromMemory(supply: TokenSupply, request: TokenRequest): Outcome | undefined {
    const found = supply.exclusive ? undefined : memory.get(supply.key);
    const now = clock.now();
    if (!found || found.confirmedAt + timing.memoryRecheck <= now) return undefined;
    if (fitnessOf(found.token, request, timing, now) !== 'good') return undefined;
    if (renewalDue(found.token, supply.margin, now, supply.share) && !flights.underWay(supply.key))
      return undefined;
    return { token: found.token, source: 'memory' };
  }

  /** One read of the table and at most one renewal, shared by all who ask for this key meanwhile. */
  function joinOrStart(supply: TokenSupply, request: TokenRequest, consistent: boolean): Joined {
    const flight = flights.underWay(supply.key);
    if (flight) return { ...flight, own: false };
    // A process that is frozen meanwhile learns on thawing what was so before: it is as old as the question.
    const askedAt = clock.now();
    const read = () => supply.read(consistent);
    return {
      ...flights.start(supply.key, read, (state) => renewIfNeeded(supply, request, state, askedAt)),
      own: true,
    };
  }

  /**
   * What a flight is to one request, in time. A request whose need the current token meets waits for no renewal that
   * another began, and not for long for its own. Where the renewal may have ended that token it waits for any, as long
   * as the vendor may take to answer.
   */
  async function outcomeOf(supply: TokenSupply, request: TokenRequest, flight: Joined): Promise<Outcome> {
    const answerBy = request.endsAt - ANSWER_RESERVE;
    const state = await before(answerBy, flight.seen);
    const { token, source = 'table' } = state ?? {};
    const isGood = fitnessOf(token, request, timing, clock.now()) === 'good';
    if (token && isGood && !flight.own && !supply.exclusive) return { token, source };
    const limit = isGood ? Math.min(answerBy, clock.now() + patienceOf(supply)) : answerBy;
    const outcome = state && (await before(limit, flight.outcome));
    if (outcome) return outcome;
    const error = busy('The token did not come in time. Try again.');
    return { ...present({ token }), source, reason: failed(error, request) };
  }

  /** How long a request that has a valid token waits for a renewal, in milliseconds. */
  function patienceOf({ exclusive }: TokenSupply): number {
    return exclusive ? timing.attemptTimeout : timing.renewalWait;
  }

  /** `undefined` where the time (milliseconds since the epoch) comes first. */
  async function before<T>(time: number, promise: Promise<T>): Promise<T | undefined> {
    const settled = new AbortController();
    const late = clock.sleep(Math.max(0, time - clock.now()), settled.signal).then(() => undefined);
    return Promise.race([promise, late]).finally(() => settled.abort(NOT_NEEDED));
  }

  async function renewIfNeeded(
    supply: TokenSupply,
    request: TokenRequest,
    state: KeyState,
    askedAt: number,
  ): Promise<Outcome> {
    const now = clock.now();
    const seen: Outcome = { ...present({ token: state.token }), source: state.source ?? 'table' };
    if (state.token) remember(supply, request, state.token, askedAt);

    if ('blockedBy' in state) return { ...seen, reason: failed(state.blockedBy, request) };

    const leased = state.lease && state.lease.until > now ? state.lease : undefined;
    // Another worker may be ending the very token that was read.
    if (leased && supply.exclusive)
      return { ...seen, reason: { kind: 'leased', until: leased.until, ending: true } };
    const fitness = fitnessOf(state.token, request, timing, now);
    const due = !state.token || renewalDue(state.token, supply.margin, now, supply.share);
    if (fitness === 'good' && !due) return seen;
    if (fitness === 'short' && !due && supply.exclusive) return { ...seen, reason: { kind: 'exclusive' } };
    const { renewableFrom: until = now } = state;
    if (until > now) {
      if (fitness === 'good') return seen;
      if (fitness === 'none') return { ...seen, reason: failed(tooEarly((until - now) / 1000), request) };
      return { ...seen, reason: { kind: 'interval', until, by: 'minimum_refresh_age' } };
    }
    if (stillStands(state.failure, request.begunAt, now)) {
      return { ...seen, reason: failed(rememberedError(state.failure, now), request) };
    }
    const forced = fitness === 'short' || fitness === 'refused';
    const nextForced =
      (state.forced?.at ?? Number.NEGATIVE_INFINITY) + request.connection.minMintInterval * 1000;
    // One caller's reports do not stand in the way of another's, which may be true.
    const isAnothers = fitness === 'refused' && state.forced?.by !== reporterOf(request);
    if (forced && nextForced > now && !isAnothers)
      return { ...seen, reason: { kind: 'interval', until: nextForced, by: 'min_mint_interval' } };
    if (leased) return { ...seen, reason: { kind: 'leased', until: leased.until } };
    try {
      const token = await state.renew(forced);
      if (!token) return { ...seen, reason: { kind: 'leased', until: now } };
      if (token.expiresAt <= clock.now()) throw endedAlready();
      remember(supply, request, token, askedAt);
      return { token, source: 'vendor' };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return { ...seen, reason: failed(error, request) };
    }
  }

  function remember(
    supply: TokenSupply,
    { connection, subject }: TokenRequest,
    token: Token,
    confirmedAt: number,
  ): void {
    memory.put(supply.key, { token, confirmedAt, connection: connection.name, subject });
  }

  /** The answer that an outcome is to this request; `undefined` when it must be asked for again. */
  function answerFor(request: TokenRequest, outcome: Outcome): ServedToken | undefined {
    const { token, source, reason } = outcome;
    const now = clock.now();
    const fitness = fitnessOf(token, request, timing, now);
    if (token && fitness === 'good' && !(reason?.kind === 'leased' && reason.ending)) {
      return served(token, source, reason?.kind === 'failed' ? renewalFailed(reason.error) : undefined);
    }
    if (reason?.kind === 'failed') {
      // That the leader had too little time left says nothing about a joiner with more.
      if (reason.error.code === 'busy' && reason.leader !== request) return undefined;
      if (token && fitness === 'short') return served(token, source, renewalFailed(reason.error));
      throw reason.error;
    }
    if (reason?.kind === 'exclusive' && token && fitness === 'short') return served(token, source, EXCLUSIVE);
    if (reason?.kind === 'interval') {
      const retryAfter = (reason.until - now) / 1000;
      if (token && fitness === 'short') return served(token, source, heldBack(reason.by, retryAfter));
      if (fitness === 'refused') throw rejectedAgain(reason.by, retryAfter);
    }
    // The vendor gave the refused token once more: asking again would only repeat that.
    if (fitness === 'refused' && source === 'vendor')
      throw rejectedAgain('min_mint_interval', request.connection.minMintInterval);
    return undefined;
  }

  function insteadOfWaiting(
    request: TokenRequest,
    { token, source, reason }: Outcome,
    now: number,
  ): ServedToken {
    const until = reason?.kind === 'leased' ? reason.until : now;
    const error = busy(
      'Another worker is getting this token and did not finish in time. Try again.',
      (until - now) / 1000,
    );
    const fitness = fitnessOf(token, request, timing, now);
    if (token && (fitness === 'good' || fitness === 'short'))
      return served(token, source, renewalFailed(error));
    throw error;
  }

  function lastPoll(supply: TokenSupply, request: TokenRequest, { token }: Outcome): number {
    const isGood = fitnessOf(token, request, timing, clock.now()) === 'good';
    const wait = isGood ? patienceOf(supply) : timing.waitLimit;
    return Math.min(request.endsAt - ANSWER_RESERVE, request.begunAt + wait);
  }

  function waitOf(request: TokenRequest): { connection: string; duration: number } {
    return { connection: request.connection.name, duration: clock.now() - request.begunAt };
  }
}

function failed(error: BrokerError, leader: TokenRequest): Reason {
  return { kind: 'failed', error, leader };
}

function served(token: Token, source: TokenOrigin, warning: string | undefined): ServedToken {
  return { token, source, ...present({ warning }) };
}

function renewalFailed(error: BrokerError): string {
  return `A new token could not be had (${error.code}: ${error.message}); this one is still valid.`;
}

const EXCLUSIVE =
  'A refresh at this vendor ends the current token for everybody else, so that min_ttl does not force one; this is the current one.';

/** The settings by which nothing new is asked for yet. */
const INTERVALS = {
  min_mint_interval: 'a new one was minted on demand less than min_mint_interval ago',
  minimum_refresh_age: 'the vendor takes no refresh yet (minimum_refresh_age)',
};

function heldBack(by: keyof typeof INTERVALS, retryAfter: number): string {
  return `This is the current token: ${INTERVALS[by]}. Ask again in ${Math.ceil(retryAfter)} s.`;
}

function rejectedAgain(by: keyof typeof INTERVALS, retryAfter: number): BrokerError {
  const detail = `The vendor's API refused the current token, and ${INTERVALS[by]}.`;
  return new BrokerError('vendor_rejected', detail, { retryAfter });
}

function tooEarly(retryAfter: number): BrokerError {
  const detail = `There is no token, and ${INTERVALS.minimum_refresh_age}.`;
  return new BrokerError('rate_limited', detail, { retryAfter });
}
