/** What one write may make of a grant, whoever writes it. */
import { isGone } from '../../../shared/broker/grants/states.ts';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import type { GrantChange, VendorExchange } from '../history.ts';
import type { World } from '../world.ts';
import type { Finding, Invariant } from './invariant.ts';

/** How far the clocks of two processes may differ here, in milliseconds. */
const SKEW = 10_000;

/** Judges each write of a grant that was there before and is there afterwards. */
function everyWrite(
  judge: (
    change: GrantChange & Required<Pick<GrantChange, 'before' | 'after'>>,
    world: World,
  ) => string | undefined,
): Invariant['check'] {
  return (world) =>
    world.history.of('grant').flatMap((change): Finding[] => {
      const { before, after } = change;
      if (!before || !after) return [];
      const text = judge({ ...change, before, after }, world);
      return text ? [{ at: change.at, text: `${change.process} wrote ${change.key}: ${text}` }] : [];
    });
}

type Write = Parameters<Parameters<typeof everyWrite>[0]>[0];

const sameConsent = ({ before, after }: Write) => before!.generation === after!.generation;

export const WRITES: readonly Invariant[] = [
  {
    name: 'a lease is taken over only when it has run out',
    check: everyWrite(({ at, before, after, ...rest }) => {
      if (!sameConsent({ at, before, after, ...rest })) return undefined;
      const [held, taken] = [before!.lease, after!.lease];
      if (!held || !taken || held.id === taken.id) return undefined;
      // The holder's clock may have been behind and the taker's ahead, each by half of this.
      return at < held.until - SKEW ? `took over a lease that has ${held.until - at} ms left` : undefined;
    }),
  },
  {
    name: 'beginning notes an attempt beside those that are unresolved',
    check: everyWrite((change) => {
      const { before, after } = change;
      const taken = after!.lease && after!.lease.id !== before!.lease?.id;
      if (!taken || !sameConsent(change)) return undefined;
      if (!after!.attempts.includes(after!.lease!.id)) return 'a lease without its attempt';
      const forgotten = before!.attempts.slice(-15).filter((each) => !after!.attempts.includes(each));
      return forgotten.length > 0 ? `forgot the attempts ${forgotten}` : undefined;
    }),
  },
  {
    name: 'a commit resolves the attempts up to its own, never later ones',
    check: everyWrite((change) => {
      const { before, after } = change;
      if (!sameConsent(change) || after!.lastAttempt === before!.lastAttempt) return undefined;
      const own = before!.attempts.indexOf(after!.lastAttempt ?? '');
      // Whoever adopts a rescue ends an attempt under which it has sent nothing, or was refused.
      const adopting = before!.lease?.id;
      const later = before!.attempts
        .slice(own + 1)
        .filter((each) => each !== adopting && !after!.attempts.includes(each));
      return later.length > 0 ? `the commit of ${after!.lastAttempt} resolved ${later}` : undefined;
    }),
  },
  {
    name: 'an attempt is resolved only when its outcome is known',
    check: everyWrite((change, { history }) => {
      const { at, before, after } = change;
      // An answer resolves those before it, and once the vendor has ended the grant nothing is in doubt.
      const told = after!.lastAttempt !== before!.lastAttempt || after!.status !== 'active';
      if (told || !sameConsent(change)) return undefined;
      const unknown = before!.attempts.filter((attempt) => {
        if (after!.attempts.includes(attempt) || forgottenByAge(before!.attempts, attempt)) return false;
        const begun = history.of('grant').find((each) => each.after?.lease?.id === attempt);
        return history
          .of('exchange')
          .some(
            (exchange) =>
              exchange.process === begun?.process &&
              exchange.presented === begun.after?.refreshToken?.reveal() &&
              exchange.sentAt! >= begun.at &&
              exchange.sentAt! <= at &&
              isAmbiguous(exchange),
          );
      });
      return unknown.length > 0 ? `resolved ${unknown}, of which nobody knows the outcome` : undefined;
    }),
  },
  {
    name: 'a refresh token is replaced only by a newer one',
    check: everyWrite((change, { vendor }) => {
      if (!sameConsent(change)) return undefined;
      const before = change.before!.refreshToken?.reveal();
      const after = change.after!.refreshToken?.reveal();
      if (before === after || before === undefined) return undefined;
      if (isGone(change.after!)) return undefined;
      if (after === undefined) return `dropped ${before}`;
      const [old, next] = [vendor.refreshTokens.get(before), vendor.refreshTokens.get(after)];
      if (!old || !next) return `${after} is no refresh token`;
      if (next.family !== old.family) return `${after} is of another consent than ${before}`;
      return next.order < old.order ? `${after} is older than ${before}` : undefined;
    }),
  },
  {
    name: 'a grant ends only by the word of the vendor on its refresh token',
    check: everyWrite((change, { history }) => {
      const { before, after, at } = change;
      if (after!.status !== 'consent_required' || before!.status === 'consent_required') return undefined;
      const presented = before!.refreshToken?.reveal();
      const said = history.of('exchange').some(
        (each) =>
          each.presented === presented &&
          each.error === 'invalid_grant' &&
          // Garbled again and again, it is believed in the end.
          (each.deliveredAt ?? each.failedAt!) <= at,
      );
      return said ? undefined : `the vendor never refused ${presented}`;
    }),
  },
  {
    name: 'a grant does not end while an answer waits in a rescue that can be seen',
    check: everyWrite(({ process, at, key, before, after }, { history }) => {
      if (after!.status !== 'consent_required' || before!.status === 'consent_required') return undefined;
      const refusal = history
        .of('exchange')
        .findLast(
          (each) => each.process === process && each.error === 'invalid_grant' && each.deliveredAt! <= at,
        );
      const looked = (refusal?.deliveredAt ?? 0) + PRODUCTION.settle;
      const waiting = before!.attempts.find((attempt) => {
        const last = history
          .of('rescue')
          .findLast((each) => each.key === key && each.attempt === attempt && each.at <= at);
        return last?.rescue?.generation === before!.generation && last.visibleAt! <= looked;
      });
      return waiting && `the answer to ${waiting} waited in a rescue`;
    }),
  },
  {
    name: 'what was revoked comes back only by a consent that was begun afterwards',
    check: ({ history }) =>
      history.of('grant').flatMap((change): Finding[] => {
        const { at, key, process, before, after } = change;
        if ((before && !isGone(before)) || !after || isGone(after)) return [];
        const revokedAt = lastRevocation(history.of('grant'), key, at);
        if (revokedAt === undefined) return [];
        const begun = history
          .of('operation')
          .filter(({ name, connection, subject }) => name === 'consent' && `${connection}/${subject}` === key)
          .some((operation) => operation.at <= at && (operation.endedAt ?? 0) >= revokedAt);
        return begun
          ? []
          : [{ at, text: `${process} brought ${key} back, though nobody has begun a consent since` }];
      }),
  },
  {
    name: 'nothing is sent after the deadline of the attempt',
    check: ({ history }) =>
      history.of('exchange').flatMap((exchange): Finding[] => {
        if (!exchange.purpose.endsWith('refresh_token') || exchange.sentAt === undefined) return [];
        const begun = history
          .of('grant')
          .findLast(
            ({ process, at, before, after }) =>
              process === exchange.process &&
              at <= exchange.sentAt! &&
              after?.lease !== undefined &&
              after.lease.id !== before?.lease?.id &&
              after.refreshToken?.reveal() === exchange.presented,
          );
        const deadline = (begun?.after?.lease?.until ?? 0) - PRODUCTION.clockSkew - PRODUCTION.storeReserve;
        if (begun && exchange.sentLocally! < deadline) return [];
        const why = begun ? 'after its deadline' : 'without an attempt';
        return [{ at: exchange.sentAt, text: `${exchange.process} sent ${exchange.presented} ${why}` }];
      }),
  },
];

/** Whether the attempt is one too many to be remembered. */
function forgottenByAge(attempts: readonly string[], attempt: string): boolean {
  return attempts.length >= 16 && attempts[0] === attempt;
}

/** Whether the vendor may have acted, as far as the sender knows. */
function isAmbiguous({ deliveredAt, failedAt, status = 0, fault }: VendorExchange): boolean {
  // A refusal is one whatever its body says.
  const refused = status >= 400 && status < 500 && (deliveredAt ?? failedAt) !== undefined;
  return !(refused && fault !== 'broken') && (deliveredAt === undefined || status >= 500);
}

/** A tombstone that something late is put into is no new one. */
export function isRevocation({ before, after }: GrantChange): boolean {
  return after?.status === 'revoked' && !(before && isGone(before));
}

/** When the grant was last made a tombstone before a time; `undefined` when it was not. */
function lastRevocation(changes: readonly GrantChange[], key: string, before: number): number | undefined {
  const revocations = changes.filter(
    (change) => change.key === key && change.at < before && isRevocation(change),
  );
  return revocations.at(-1)?.at;
}
