import type { TokenRequestBody } from '../contract/messages.ts';
import { TokenBrokerError } from './errors.ts';
import type { Token } from './token.ts';

/**
 * What a caller may ask of a connection.
 * @example
 * ```ts
 * import type { TokenOptions } from 'token-broker';
 * const options: TokenOptions = { subject: 'alice', minTtl: 60 };
 * ```
 */
export interface TokenOptions {
  /** Space-separated; default: the connection's. */
  readonly scope?: string;
  /** Whose grant; default: `default`. */
  readonly subject?: string;
  /** Extra claims that a scope needs. */
  readonly params?: Readonly<Record<string, string>>;
  /** Seconds of life that the token should have left. */
  readonly minTtl?: number;
}

export interface Ask extends TokenOptions {
  readonly connection: string;
  /** Fingerprint of a token that the vendor's API refused. */
  readonly rejected?: string;
}

interface Entry {
  readonly token: Token;
  /** Milliseconds since the epoch. */
  renewAt: number;
  /** Why the last renewal failed, where trying again may help. */
  failure?: TokenBrokerError;
}

export interface TokenCacheParts {
  /** Asks the broker. @throws TokenBrokerError */
  readonly request: (connection: string, body: TokenRequestBody) => Promise<Token>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Tokens in hand at once; the one used longest ago goes first. */
const CAPACITY = 1_000;

/** A token with less life left is asked for anew, as the broker would not give it either. */
const MINIMUM_LIFE = 10_000;

/** Renewal begins this long before expiry, or at a fifth of the remaining life when that is less. */
const RENEW_AHEAD = 300_000;

/** After a renewal that failed, in milliseconds. */
const RENEWAL_PAUSE = 5_000;

/**
 * The tokens of this process. However many callers ask for one at once, the broker is asked once; near its expiry
 * a token is renewed beside the callers that still get it, and a valid one outlives the broker's absence.
 */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Map<string, Promise<Token>>();
  readonly #parts: TokenCacheParts;

  constructor(parts: TokenCacheParts) {
    this.#parts = parts;
  }

  /** At once where the token is in hand, which is asked for with every request to an API. @throws TokenBrokerError */
  get(ask: Ask): Token | Promise<Token> {
    const key = keyOf(ask);
    const entry = this.#entries.get(key);
    if (!entry) return this.#ask(key, ask);
    const now = this.#parts.now();
    const life = entry.token.expiresAt.getTime() - now;
    if (ask.rejected !== undefined && entry.token.fingerprint === ask.rejected) return this.#ask(key, ask);
    if (life >= Math.max(MINIMUM_LIFE, (ask.minTtl ?? 0) * 1000)) {
      this.#touch(key, entry);
      if (now >= entry.renewAt) this.#renew(key, ask, entry);
      return entry.token;
    }
    return life > 0 ? this.#askOrServe(key, ask, entry, life) : this.#ask(key, ask);
  }

  /** A valid token in hand that is not quite what was asked for beats a failure, and a silence until it expires. */
  async #askOrServe(key: string, ask: Ask, entry: Entry, life: number): Promise<Token> {
    if (entry.failure && this.#parts.now() < entry.renewAt)
      return stillValid(entry.token, entry.failure.message);
    const asked = this.#ask(key, ask);
    const waiting = timer(life / 2);
    try {
      const answered = await Promise.race([asked, waiting.over]);
      if (answered) return answered;
      this.#noteFailure(asked, entry);
      return stillValid(entry.token, 'the token broker is slow to answer');
    } catch (error) {
      this.#pause(entry, error);
      if (!entry.failure) throw error;
      return stillValid(entry.token, entry.failure.message);
    } finally {
      waiting.stop();
    }
  }

  /** Asks the broker, or joins those who are asking it for the same. */
  #ask(key: string, ask: Ask): Promise<Token> {
    const flightKey = JSON.stringify([key, ask.minTtl, ask.rejected]);
    const flying = this.#flights.get(flightKey);
    if (flying) return flying;
    const flight = this.#parts
      .request(ask.connection, bodyOf(ask))
      .then((token) => this.#keep(key, token))
      .finally(() => this.#flights.delete(flightKey));
    this.#flights.set(flightKey, flight);
    return flight;
  }

  /** Nobody waits for it: callers that ask meanwhile get the token in hand. */
  #renew(key: string, { minTtl: _, ...ask }: Ask, entry: Entry): void {
    this.#noteFailure(this.#ask(key, ask), entry);
  }

  #noteFailure(asked: Promise<Token>, entry: Entry): void {
    asked.catch((error: unknown) => this.#pause(entry, error));
  }

  #pause(entry: Entry, error: unknown): void {
    const known = error instanceof TokenBrokerError ? error : undefined;
    entry.renewAt = this.#parts.now() + Math.max(RENEWAL_PAUSE, (known?.retryAfter ?? 0) * 1000);
    if (known?.retryable) entry.failure = known;
    else delete entry.failure;
  }

  /** An answer that was long on its way does not replace a newer token. */
  #keep(key: string, token: Token): Token {
    const present = this.#entries.get(key);
    if (present && present.token.mintedAt > token.mintedAt) return token;
    const now = this.#parts.now();
    const life = token.expiresAt.getTime() - now;
    this.#touch(key, { token, renewAt: now + life - Math.min(RENEW_AHEAD, life / 5) });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > CAPACITY && oldest !== undefined) this.#entries.delete(oldest);
    return token;
  }

  #touch(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }
}

function stillValid(token: Token, reason: string): Token {
  return token.withWarning(`This token is still valid, but could not be renewed: ${reason}`);
}

/** Resolves to nothing after so many milliseconds, unless it is stopped. */
function timer(milliseconds: number) {
  let stop: () => void = () => undefined;
  const over = new Promise<undefined>((resolve) => {
    // Longer ones than Node.js can wait for are longer than any answer takes.
    const timeout = setTimeout(resolve, Math.min(milliseconds, 2 ** 31 - 1), undefined);
    stop = () => clearTimeout(timeout);
  });
  return { over, stop };
}

const NONE: NonNullable<Ask['params']> = {};

function keyOf({ connection, subject = 'default', scope, params = NONE }: Ask): string {
  // What nearly all ask for, for every request to an API; a name has no slash, and does not begin with a bracket.
  if (scope === undefined && params === NONE) return `${connection}/${subject}`;
  const scopes = scope === undefined ? null : [...new Set(scope.split(' '))].sort();
  return JSON.stringify([connection, subject, scopes, Object.entries(params).sort()]);
}

function bodyOf({ scope, subject, params, minTtl, rejected }: Ask): TokenRequestBody {
  return {
    ...(scope !== undefined && { scope }),
    ...(subject !== undefined && { subject }),
    ...(params !== undefined && { params: { ...params } }),
    ...(minTtl !== undefined && { min_ttl: minTtl }),
    ...(rejected !== undefined && { rejected }),
  };
}
