/**
 * Putting a vendor's answer to a refresh in safety (invariant 3). The refresh token in it may be the only one
 * that still works, so this goes on until it is stored, rescued or overtaken, or the deadline has come.
 */
import { type Clock, NOT_NEEDED, systemClock } from '../../oauth/clock.ts';
import type { Grant, GrantKey, GrantsTable, Rescues, Stored } from '../ports.ts';
import { retryWhileUnavailable } from '../retry-while-unavailable.ts';
import { isGone, type RefreshAnswer } from './states.ts';

export interface CommitParts {
  readonly clock: Clock;
  readonly grants: GrantsTable;
  readonly rescues: Rescues;
  /** Measures time that no clock can be put to; absent: the system's. */
  readonly pause?: Clock['sleep'];
}

/**
 * - `committed`: it stands in the grant;
 * - `rescued`: it stands in a rescue secret, for the next refresh to adopt;
 * - `revoked`: a revocation came first, and no consent since;
 * - `superseded`: a consent came first, and wins;
 * - `outrun`: another attempt's answer under the same consent came first;
 * - `lost`: neither store took it in time. The attempt stays unresolved, so this is seen.
 */
export type CommitResult = 'committed' | 'rescued' | 'revoked' | 'superseded' | 'outrun' | 'lost';

/** A store that has been silent for so long is treated as failing, in milliseconds. */
const SILENCE = 1_000;

/**
 * @param held the grant as this attempt's last write left it
 * @param next what the answer makes of a grant
 * @param deadline milliseconds since the epoch
 */
export async function commitRefresh(
  parts: CommitParts,
  held: Stored<Grant>,
  answer: RefreshAnswer,
  next: (grant: Grant) => Grant,
  deadline: number,
): Promise<CommitResult> {
  let rescue: Promise<boolean> | undefined;
  const startRescue = () =>
    (rescue ??= untilDeadline(parts.clock, deadline, () => parts.rescues.save(held, answer)));

  // A silent store is given up on only seconds later, when this process may have no time left. By default with the
  // system's timers, as for the exchanges themselves: how long a store is silent is nothing that a clock can be put to.
  const answered = new AbortController();
  const { pause = systemClock.sleep } = parts;
  pause(SILENCE, answered.signal).then(() => answered.signal.aborted || startRescue());
  const commit = await retryWhileUnavailable(
    parts.clock,
    deadline,
    () => tryCommit(parts, held, answer, next),
    startRescue,
  ).finally(() => answered.abort(NOT_NEEDED));
  if (commit === 'overtaken') return (await startRescue()) ? 'rescued' : 'lost';
  if (commit === undefined) return (await rescue) ? 'rescued' : 'lost';
  if (rescue && (await rescue)) await discardQuietly(parts.rescues, held, [answer.attempt]);
  return commit;
}

type Try = 'committed' | 'revoked' | 'superseded' | 'outrun' | 'overtaken';

/**
 * One write; when another write came first, what the grant now says decides. As long as this attempt is unresolved, or
 * no other answer was committed since it began, this one is the newest and belongs there, whatever else was noted
 * meanwhile: even a verdict of the vendor on the refresh token that it replaces.
 */
async function tryCommit(
  { grants, clock }: CommitParts,
  held: Stored<Grant>,
  answer: RefreshAnswer,
  next: (grant: Grant) => Grant,
): Promise<Try> {
  let seen: Stored<Grant> | undefined = held;
  for (;;) {
    if (await grants.write(seen, next(seen))) return 'committed';
    seen = await grants.read(held);
    // The write that failed may have been this very one, repeated after its answer was lost.
    if (seen?.lastAttempt === answer.attempt) return 'committed';
    if (!seen || isGone(seen)) return 'revoked';
    if (seen.generation !== held.generation) return 'superseded';
    const unresolved = seen.attempts.includes(answer.attempt);
    if (!unresolved && seen.lastAttempt !== held.lastAttempt) return 'outrun';
    // Another holder is at work: it reads rescues before it believes an invalid_grant.
    if (seen.lease && seen.lease.until > clock.now()) return 'overtaken';
  }
}

async function untilDeadline(clock: Clock, deadline: number, save: () => Promise<void>): Promise<boolean> {
  const saved = await retryWhileUnavailable(
    clock,
    deadline,
    () => save().then(() => true),
    () => undefined,
  );
  return saved ?? false;
}

/** A rescue of a resolved attempt is never adopted, so leaving it costs only cents; failing the caller would cost more. */
export async function discardQuietly(
  rescues: Rescues,
  grant: GrantKey,
  attempts: readonly string[],
): Promise<void> {
  await Promise.allSettled(attempts.map((attempt) => rescues.discard(grant, attempt)));
}
