/** What callers are given. */

import { isGone } from '../../../shared/broker/grants/states.ts';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import type { TokenAnswer } from '../../../shared/contract/messages.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import type { GrantChange, Operation } from '../history.ts';
import type { IssuedAccessToken } from '../vendor.ts';
import type { World } from '../world.ts';
import type { Finding, Invariant } from './invariant.ts';
import { isRevocation } from './writes.ts';

interface Served {
  readonly operation: Operation;
  readonly answer: TokenAnswer;
  readonly token: IssuedAccessToken | undefined;
  readonly asked: { readonly scope?: string; readonly rejected?: string; readonly min_ttl?: number };
}

function everyServed(judge: (served: Served, world: World) => string | undefined): Invariant['check'] {
  return (world) =>
    world.history.of('operation').flatMap((operation): Finding[] => {
      if (operation.name !== 'token' || !operation.outcome) return [];
      const answer = operation.outcome as TokenAnswer;
      const token = world.vendor.accessTokens.get(answer.access_token);
      const asked = (operation.input ?? {}) as Served['asked'];
      const text = judge({ operation, answer, token, asked }, world);
      const whom = `${operation.process} gave ${operation.connection}/${operation.subject}`;
      return text ? [{ at: operation.endedAt!, text: `${whom} ${text}` }] : [];
    });
}

export const SERVING: readonly Invariant[] = [
  {
    name: 'a caller gets a token of its own key',
    check: everyServed(({ operation, token, asked }) => {
      if (!token) return 'what the vendor never issued';
      const { connection, subject } = operation;
      const of = token.family ? (connection === 'kiosk' ? 'default' : token.family.subject) : 'default';
      if (token.connection !== connection || of !== subject)
        return `${token.value} of ${token.connection}/${of}`;
      const wanted = asked.scope ?? (connection === 'jobs' ? 'read' : 'read write');
      return token.scope === wanted
        ? undefined
        : `${token.value} for "${token.scope}" instead of "${wanted}"`;
    }),
  },
  {
    name: 'a caller gets no token that says more than its rule allows',
    check: everyServed(({ operation, answer }) =>
      operation.principal === 'reader' && answer.scope !== undefined && answer.scope !== 'read'
        ? `a token that says "${answer.scope}", to a caller who may have "read"`
        : undefined,
    ),
  },
  {
    name: 'a token is served only while it lives, and never the one that was rejected',
    check: everyServed(({ operation, answer, token, asked }) => {
      if (token && token.expiresAt <= operation.endedAt! - 10_000) return `${token.value}, which has expired`;
      const served = fingerprint(new Redacted(answer.access_token));
      return served === asked.rejected ? `${answer.access_token}, which it had rejected` : undefined;
    }),
  },
  {
    name: 'after a revocation nothing is served but what a process remembers, for a minute',
    check: everyServed(({ operation, token }, world) => {
      if (!token?.family) return undefined;
      const key = `${operation.connection}/${operation.subject}`;
      const revoked = lastTombstone(world, key, operation.at);
      if (!revoked || token.issuedAt > revoked.at) return undefined;
      // While the table is silent, a process uses what it knows to be alive (invariant 6).
      if (troubled(world, operation)) return undefined;
      const since = operation.at - revoked.at;
      if (operation.process === revoked.process && since > 5_000 && heardOf(world, revoked))
        return `${token.value} by the very process that revoked it, ${since} ms ago`;
      return since > PRODUCTION.memoryRecheck ? `${token.value}, revoked ${since} ms before` : undefined;
    }),
  },
  {
    name: 'where a refresh ends the access token, nobody gets the ended one',
    check: everyServed(({ operation, token }, world) => {
      if (world.settings.kind !== 'exclusive' || !token?.family || token.endedAt === undefined)
        return undefined;
      // While the answer cannot be stored, those who wait for it get what there is.
      if (token.endedAt >= operation.at || troubled(world, operation)) return undefined;
      // The answer that ended it may have been lost: then nobody could know.
      const ender = world.history
        .of('exchange')
        .find(({ actedAt, purpose }) => actedAt === token.endedAt && purpose.endsWith('refresh_token'));
      const known = ender?.accessToken && wasStored(world, ender.accessToken, operation.at);
      return known ? `${token.value}, which a refresh had ended` : undefined;
    }),
  },
  {
    name: 'a caller whose need the stored token meets is not failed',
    check: everySatisfiable(({ error, principal }, { settings }) => {
      // A token that says more than the caller may have is not for it, though it asked for less.
      if (error?.code === 'access_denied' && principal === 'reader' && settings.broad) return undefined;
      return error && `failed it (${error.code})`;
    }),
  },
  {
    name: 'a caller whose need the stored token meets waits at most two seconds',
    check: everySatisfiable(({ at, endedAt }, { settings }) => {
      // Where the renewal under way may have ended the token, one exchange with the vendor (invariant 5).
      const wait = settings.kind === 'exclusive' ? PRODUCTION.attemptTimeout : PRODUCTION.renewalWait;
      // A little more for what lies between the caller and the wait.
      return endedAt! - at > wait + 200 ? `let it wait ${Math.round(endedAt! - at)} ms` : undefined;
    }),
  },
];

/** Judges calls for which a good token stood in the grant all the while, and whose process nothing befell. */
function everySatisfiable(
  judge: (operation: Operation, world: Parameters<Invariant['check']>[0]) => string | undefined,
): Invariant['check'] {
  return (world) =>
    world.history.of('operation').flatMap((operation): Finding[] => {
      const { name, connection, subject, process, at, endedAt } = operation;
      if (name !== 'token' || endedAt === undefined || connection === 'jobs') return [];
      const text = judge(operation, world);
      if (!text) return [];
      const asked = (operation.input ?? {}) as Served['asked'];
      if (asked.rejected || troubled(world, operation) || wasFrozen(world, operation)) return [];
      const key = `${connection}/${subject}`;
      // Ten seconds that a token must have left, and ten that clocks may differ.
      const left = Math.max(20_000, (asked.min_ttl ?? 0) * 1000 + 10_000);
      const satisfied = grantsDuring(world, key, at, endedAt).every((grant) => {
        const token = grant && !isGone(grant) ? grant.tokens[asked.scope ?? 'read write'] : undefined;
        return token !== undefined && token.expiresAt > endedAt + left;
      });
      return satisfied ? [{ at: endedAt, text: `${process}, asked for ${key}, ${text}` }] : [];
    });
}

function lastTombstone({ history }: World, key: string, before: number): GrantChange | undefined {
  return history
    .of('grant')
    .findLast((change) => change.key === key && change.at <= before && isRevocation(change));
}

/** Whether the process was told that its write took effect. */
function heardOf({ history }: World, { process, at, key }: GrantChange): boolean {
  return history
    .of('store')
    .some(
      (each) => each.process === process && each.key === key && each.appliedAt === at && each.answer === 'ok',
    );
}

function wasStored({ history }: World, accessToken: string, by: number): boolean {
  return history
    .of('grant')
    .some(
      ({ at, after }) =>
        at <= by &&
        Object.values(after?.tokens ?? {}).some((token) => token.accessToken.reveal() === accessToken),
    );
}

/** Whether a store failed the process while it worked on this. */
function troubled({ history }: World, { process, at, endedAt }: Operation): boolean {
  return history
    .of('store')
    .some(
      (each) =>
        each.process === process &&
        each.at <= endedAt! &&
        (each.answeredAt ?? Number.POSITIVE_INFINITY) >= at - PRODUCTION.memoryRecheck &&
        (each.fault !== undefined || each.answer === 'unavailable'),
    );
}

function wasFrozen({ history }: World, { process, at, endedAt }: Operation): boolean {
  return history
    .of('process')
    .some(
      (each) =>
        each.process === process && each.what === 'frozen' && each.at >= at - 500_000 && each.at <= endedAt!,
    );
}

/** Every state in which a grant was within a time. */
function grantsDuring(
  { history }: World,
  key: string,
  from: number,
  to: number,
): (GrantChange['after'] | undefined)[] {
  const changes = history.of('grant').filter((change) => change.key === key && change.at <= to);
  const first = changes.findLastIndex(({ at }) => at <= from);
  if (first === -1) return [undefined];
  return changes.slice(first).map(({ after }) => after);
}
