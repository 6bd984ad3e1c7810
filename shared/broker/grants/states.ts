/**
 * The states of a grant and how one follows from another, as plain functions: nothing here reads or writes.
 *
 *                 begun (attempt noted)                committed / adopted
 *      active ───────────────────────▶ in doubt ─────────────────────────────▶ active
 *        │  ▲                            │    │ nothing was sent, or a definitive refusal
 *        │  └────────────────────────────┼────┘ of this request: the attempt is resolved
 *        │ invalid_grant, confirmed      │ invalid_grant, confirmed
 *        ▼                               ▼
 *      consent_required ──── consent ───▶ active (new generation)
 *
 * A revocation makes any of them `revoked` (a tombstone under a new generation) until the vendor has been told, then
 * `forgotten`, which the sweep removes an hour later.
 */
import { randomUUID } from 'node:crypto';
import type { Connection } from '../../connections/connection.ts';
import { present } from '../../contract/present.ts';
import type { Token } from '../../oauth/token.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import type { Failure, Grant, Lease, Rescue } from '../ports.ts';
import type { Timing } from '../times.ts';
import { latestUse, refreshableFrom } from './refresh-token-life.ts';

/** What decides when a grant is due again. */
export interface DuePolicy {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly timing: Timing;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When the grant was due until now; absent where that says nothing, as after a consent. */
  readonly wasDue?: number;
}

/** The vendor's answer to one attempt. */
export type RefreshAnswer = Rescue;

/** Due at no time that matters: nothing can be renewed, but the index still lists the keys in use. */
const NEVER = 10 * 365 * 86_400_000;

/** How long the sweep leaves a grant alone that it can do nothing for. */
export const SET_ASIDE = 3_600_000;

/** First and longest pause of the sweep after failures of one grant. */
const RETRY_FIRST = 60_000;
const RETRY_LAST = 3_600_000;

/**
 * Unresolved attempts that are remembered. A vendor that is silent for a day must not make the item grow, nor each
 * refresh look for a day's rescues; with the backoff between attempts, so many reach back for hours.
 */
const MOST_ATTEMPTS = 16;

/** Keys of one grant of which a failure, or a forced refresh, is remembered. */
const MOST_KEYS = 32;

/** How soon a grant that the vendor ended is tried once more, in case it was said too early, and until when. */
const LOOK_FIRST = 600_000;
const LOOK_LAST = 7 * 86_400_000;

/** Of the time until a first renewal, so much may be taken off: not all, since a vendor's replicas may lag. */
const MOST_EARLY = 0.95;

/** How long the place of a forgotten grant is held: longer than a consent, and any write on its way, may take. */
const PLACE_HELD = 3_600_000;

/** The name of an access token in its grant. */
export function scopeKey(scopes: readonly string[]): string {
  return scopes.join(' ');
}

/** The scopes that callers get by default, as far as they were consented to: the sweep renews their token. */
export function warmScopes({ scopes }: Pick<Grant, 'scopes'>, connection: Connection): readonly string[] {
  const covered = scopes.length === 0 || connection.scope.every((scope) => scopes.includes(scope));
  return covered ? connection.scope : scopes;
}

/** Intent: whatever happens now, the attempt is seen, and looked at again once its lease has run out. */
export function begun(grant: Grant, lease: Lease): Grant {
  const attempts = [...grant.attempts.slice(1 - MOST_ATTEMPTS), lease.id];
  return { ...grant, lease, attempts, dueAt: lease.until };
}

/** Of what stands against a key and of what stands against its whole grant, the one that does so for longer. */
export function latestFailure(
  { lastFailure, failures }: Pick<Grant, 'lastFailure' | 'failures'>,
  key: string,
): Failure | undefined {
  const own = failures?.[key];
  return own && lastFailure ? (own.until > lastFailure.until ? own : lastFailure) : (own ?? lastFailure);
}

/** The record with this of the key, or without the key; the oldest go first. */
export function noted<T>(
  record: Readonly<Record<string, T>> | undefined,
  key: string,
  value: T | undefined,
): Readonly<Record<string, T>> {
  const others = Object.entries(record ?? {}).filter(([name]) => name !== key);
  if (value === undefined) return Object.fromEntries(others);
  return Object.fromEntries([...others.slice(1 - MOST_KEYS), [key, value]]);
}

/** The answer is in: every attempt up to it is resolved. Later ones may have brought a newer refresh token. */
export function committed(grant: Grant, answer: RefreshAnswer, policy: DuePolicy, failure?: Failure): Grant {
  const { lease: _, lastFailure: __, refreshTokenEndsAt: before, ...kept } = grant;
  // Of another refresh token nothing was said before.
  const endsAt = answer.refreshTokenEndsAt ?? (answer.refreshToken ? undefined : before);
  const attempts = grant.attempts.slice(grant.attempts.indexOf(answer.attempt) + 1);
  const next: Grant = {
    ...kept,
    status: 'active',
    ...present({ refreshToken: answer.refreshToken }),
    ...present({ refreshTokenEndsAt: endsAt }),
    tokens: tokensAfter(grant, answer, policy),
    attempts,
    lastAttempt: answer.attempt,
    lastRefreshAt: policy.now,
    failures: noted(grant.failures, answer.scopeKey, failure),
  };
  const dueAt = dueAfter(next, answer.token, policy);
  return { ...next, dueAt: attempts.length > 0 ? Math.min(dueAt, grant.dueAt) : dueAt };
}

/**
 * Failed, and the refresh token was certainly not spent by this attempt. That stands against the scopes asked for and
 * no others: when those that the sweep keeps warm are due stays as it was.
 * @param before when the grant was due before the attempt
 */
export function unspent(
  grant: Grant,
  attempt: string,
  { key, failure, before }: { key: string; failure: Failure; before: number },
  { connection, now }: Pick<DuePolicy, 'connection' | 'now'>,
): Grant {
  const { lease: _, ...kept } = grant;
  const attempts = grant.attempts.filter((each) => each !== attempt);
  const isWarm = key === scopeKey(warmScopes(grant, connection));
  const active = isWarm ? retryAt(failure, now) : before;
  // A store that fails says nothing of the grant: the look is made good soon.
  const ended = failure.code === 'store_unavailable' ? retryAt(failure, now) : lookAgainAt(grant, now);
  const dueAt = grant.status === 'active' ? active : ended;
  return { ...kept, attempts, failures: noted(grant.failures, key, failure), dueAt };
}

/**
 * Failed, and nobody knows whether the refresh token was spent: the attempt stays. Nothing is sent again
 * before the lease would have ended, since the vendor may still be at work on the request.
 */
export function inDoubt(grant: Grant, failure: Failure, now: number): Grant {
  const { lease: _, ...kept } = grant;
  // The first time as soon as may be: what the vendor did is most likely to be undone or repeatable then.
  const dueAt = failure.count > 1 ? retryAt(failure, now) : failure.until;
  return { ...kept, lastFailure: sinceTheEnd(grant, failure), dueAt };
}

/** The vendor ended it. The sealed tokens stay, and so do attempts whose late rescue could still mend it. */
export function ended(grant: Grant, attempt: string, failure: Failure, now: number): Grant {
  const attempts = grant.attempts.filter((each) => each !== attempt);
  const { lease: _, ...kept } = grant;
  const lastFailure = sinceTheEnd(grant, failure);
  const next: Grant = { ...kept, status: 'consent_required', attempts, lastFailure };
  return { ...next, dueAt: lookAgainAt(next, now) };
}

/** Of an ended grant, `since` is when it ended, so that the looks at it come to an end. */
function sinceTheEnd(grant: Grant, failure: Failure): Failure {
  const { lastFailure } = grant;
  if (grant.status === 'active') return failure;
  return { ...failure, since: lastFailure?.since ?? lastFailure?.at ?? failure.at };
}

/**
 * After minutes, hours and days: what a vendor says too early (a replica that lags) it says for no longer, and a rescue
 * of an unresolved attempt may turn up (secrets are eventually consistent).
 */
function lookAgainAt({ refreshToken, attempts, lastFailure }: Grant, now: number): number {
  const ended = now - (lastFailure?.since ?? now);
  const first = attempts.length > 0 ? RETRY_FIRST : LOOK_FIRST;
  return now + (refreshToken && ended < LOOK_LAST ? Math.max(first, 8 * ended) : NEVER);
}

/**
 * A tombstone: whatever is in flight was begun under another generation, and finds this one. It keeps what the
 * vendor must be told of: the refresh token, or else the access tokens.
 */
export function buried(grant: Grant, now: number): Grant {
  const { lease: _, lastFailure: __, generation: endedGeneration, ...kept } = grant;
  const tokens = grant.refreshToken ? {} : grant.tokens;
  const dueAt = now + RETRY_FIRST;
  return { ...kept, status: 'revoked', generation: randomUUID(), endedGeneration, tokens, dueAt };
}

/**
 * Nothing is left to tell the vendor. Its place is held for a while, so that a write that was begun before the
 * revocation, or a consent, finds another generation there.
 */
export function forgotten(tombstone: Grant, now: number): Grant {
  const { refreshToken: _, lastFailure: __, ...kept } = tombstone;
  return { ...kept, status: 'forgotten', tokens: {}, attempts: [], dueAt: now + PLACE_HELD };
}

/** A tombstone with a refresh token that arrived late: of what was ended, or else where nothing is left to tell. */
export function withLate(
  tombstone: Grant,
  late: Pick<Grant, 'generation' | 'refreshToken'>,
  now: number,
): Grant | undefined {
  const { refreshToken, endedGeneration } = tombstone;
  if (refreshToken && endedGeneration !== late.generation) return undefined;
  return {
    ...tombstone,
    status: 'revoked',
    ...present({ refreshToken: late.refreshToken }),
    tokens: {},
    dueAt: now + RETRY_FIRST,
  };
}

/** Whether it was revoked: there is none for callers. */
export function isGone({ status }: Pick<Grant, 'status'>): boolean {
  return status === 'revoked' || status === 'forgotten';
}

/** The vendor could not be told yet: it is tried again, less and less often. */
export function untold(tombstone: Grant, failure: Failure, now: number): Grant {
  return { ...tombstone, lastFailure: failure, dueAt: retryAt(failure, now) };
}

/** The connection is gone or points elsewhere: looked at again now and then, in case it comes back. */
export function setAside(grant: Grant, now: number): Grant {
  return { ...grant, dueAt: now + SET_ASIDE };
}

/** When the sweep should look at a grant that holds this token for its default scopes. */
export function dueAfter(grant: Grant, token: Token | undefined, policy: DuePolicy): number {
  const due = Math.min(renewalAfter(grant, token, policy), latestUse(grant, policy.vendor, policy.now));
  return Math.max(due, refreshableFrom(grant, policy.vendor) ?? due);
}

function renewalAfter(grant: Grant, token: Token | undefined, policy: DuePolicy): number {
  const { connection, vendor, timing, now } = policy;
  if (!grant.refreshToken) return now + NEVER;
  const failure = grant.failures?.[scopeKey(warmScopes(grant, connection))];
  if (failure) return retryAt(failure, failure.at);
  if (connection.refresh === 'on_use')
    return now + connection.rotateEvery * 1000 * (0.9 + Math.random() / 10);
  const current = grant.tokens[scopeKey(warmScopes(grant, connection))] ?? token;
  if (!current) return now;
  const most = vendor.refreshKillsAccessToken ? timing.renewAheadWhenKilling : timing.renewAhead;
  const life = current.expiresAt - now;
  // Callers find a token with less than the minimum of life used up, so that even short-lived ones are renewed before.
  const least = Math.min(timing.minimumLife * 1.5, life / 2);
  const margin = Math.max(least, Math.min(most, life / 5));
  const latest = current.expiresAt - least - (margin - least) * (0.6 + Math.random() * 0.4);
  if (vendor.refreshKillsAccessToken || latest <= now) return latest;
  return latest - early(latest - now, policy);
}

/**
 * How much earlier than it need be a grant is due, so that those which come together (people asked to consent on one
 * morning, a backlog after an outage) are not renewed together for ever, at a refresh each at most. A new grant gets a
 * place anywhere in a token's life, and one that is renewed late goes back to the place that it had.
 */
function early(period: number, { now, wasDue }: DuePolicy): number {
  if (wasDue === undefined) return Math.random() * MOST_EARLY * period;
  return Math.max(0, now - wasDue) % period;
}

function tokensAfter(grant: Grant, answer: RefreshAnswer, policy: DuePolicy): Grant['tokens'] {
  const kept = policy.vendor.refreshKillsAccessToken ? {} : grant.tokens;
  return { ...kept, ...(answer.token && { [answer.scopeKey]: answer.token }) };
}

function retryAt(failure: Failure, now: number): number {
  return Math.max(failure.until, now + Math.min(RETRY_FIRST * 2 ** (failure.count - 1), RETRY_LAST));
}
