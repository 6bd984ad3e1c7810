/** How it must be once no more faults come: everything mended, nothing stuck, and whoever lost something knows why. */
import { isGone } from '../../../shared/broker/grants/states.ts';
import type { Operation } from '../history.ts';
import type { Family } from '../vendor.ts';
import type { World } from '../world.ts';
import type { Finding, Invariant } from './invariant.ts';
import { fateOf } from './refresh-tokens.ts';
import { isRevocation } from './writes.ts';

export const RECOVERY: readonly Invariant[] = [
  {
    name: 'no operation ends by a defect, and each ends',
    check: (world) =>
      world.history.of('operation').flatMap((operation): Finding[] => {
        const { at, process, name, error, endedAt } = operation;
        if (error?.code === 'defect' || error?.code === 'internal')
          return [{ at, text: `${name} by ${process}: ${error.text}` }];
        const stopped = world.history
          .of('process')
          .some((each) => each.process === process && each.what === 'killed' && each.at >= at);
        return endedAt === undefined && !stopped ? [{ at, text: `${name} by ${process} never ended` }] : [];
      }),
  },
  {
    name: 'once no more faults come, every grant is usable or its end has a reason',
    check: (world) =>
      lastProbes(world).flatMap((probe): Finding[] => {
        const { at, connection, subject, error } = probe;
        if (!error) return [];
        const key = `${connection}/${subject}`;
        if (error.code !== 'consent_required') return [{ at, text: `${key}: ${error.code}: ${error.text}` }];
        const unexplained = lossless(world, connection, subject!) && !rescuedToken(world, key);
        return unexplained ? [{ at, text: `${key}: ${error.text}` }] : [];
      }),
  },
  {
    name: 'what waits in a rescue is adopted, however late it was put there',
    check: (world) =>
      lastProbes(world).flatMap(({ at, connection, subject, error }): Finding[] => {
        const key = `${connection}/${subject}`;
        if (error?.code !== 'consent_required' || !lossless(world, connection, subject!)) return [];
        const waiting = rescuedToken(world, key);
        return waiting ? [{ at, text: `${key} is lost, while ${waiting} would still work` }] : [];
      }),
  },
  {
    name: 'what was revoked ends at the vendor, unless it was forced',
    check: ({ history, vendor }) =>
      history.of('grant').flatMap((revocation): Finding[] => {
        const { at, key, before } = revocation;
        if (!isRevocation(revocation)) return [];
        const family = vendor.refreshTokens.get(before?.refreshToken?.reveal() ?? '')?.family;
        if (!family || family.ended) return [];
        const forced = history
          .of('operation')
          .some(
            ({ name, connection, subject, input }) =>
              name === 'revoke' &&
              `${connection}/${subject}` === key &&
              (input as { force?: string }).force === 'true',
          );
        const text = `${key} was revoked, and family ${family.id} still lives at the vendor`;
        // To tell it of the older consent then might end the newer one.
        const replaced = history
          .of('grant')
          .some((change) => change.key === key && change.at > at && change.after && !isGone(change.after));
        return forced || replaced ? [] : [{ at, text }];
      }),
  },
  {
    name: 'what a person has approved on a device does not stay pending',
    check: ({ history, vendor }) =>
      [...vendor.devices].flatMap(([code, { decision, decidedAt, family }]): Finding[] => {
        if (decision !== 'approved' || family) return [];
        const start = history
          .of('operation')
          .find(({ outcome }) => (outcome as { user_code?: string } | undefined)?.user_code === code);
        const polls = history
          .of('operation')
          .filter(({ name, startedAt, endedAt }) => name === 'proceed' && startedAt === start?.at && endedAt);
        const last = polls.at(-1);
        const pending = (last?.outcome as { status?: string } | undefined)?.status === 'pending';
        const patient = last !== undefined && last.at > decidedAt! + 120_000;
        return pending && patient ? [{ at: last.at, text: `${code} was approved at ${decidedAt}` }] : [];
      }),
  },
];

/** A refresh token of the grant that the vendor would still take, in a rescue that nobody asks for. */
function rescuedToken({ stores, vendor }: World, key: string): string | undefined {
  const generation = stores.grants.get(key)?.generation;
  for (const [name, { rescue }] of stores.rescues) {
    const value = rescue.refreshToken?.reveal();
    if (name.startsWith(key) && rescue.generation === generation && vendor.isUsable(value)) return value;
  }
  return undefined;
}

function lastProbes({ history }: World): Operation[] {
  const probes = history.of('operation').filter(({ probe, endedAt }) => probe && endedAt !== undefined);
  return [...new Map(probes.map((probe) => [`${probe.connection}/${probe.subject} `, probe])).values()];
}

/** Whether the vendor has a consent of theirs that the broker should be able to use: nothing was lost on the way. */
function lossless(world: World, connection: string, subject: string): boolean {
  const whose = connection === 'kiosk' ? 'kiosk' : subject;
  const key = `${connection}/${subject}`;
  const stored = world.stores.grants.get(key);
  const families = world.vendor.families.filter((family) => family.subject === whose);
  const last = families.at(-1);
  if (!last) return false;
  // Revoked, and nobody has consented since.
  if (!stored || isGone(stored)) return consentLost(world, last, key);
  const family = world.vendor.refreshTokens.get(stored?.refreshToken?.reveal() ?? '')?.family;
  if (!family) return false;
  const { reason } = family.ended ?? {};
  // What we have ended is judged by itself.
  if (reason !== undefined && reason !== 'code reuse') return false;
  const tokens = [...world.vendor.refreshTokens.values()].filter((token) => token.family === family);
  return tokens.every((token) => fateOf(world, token) === 'kept');
}

/** Whether a consent arrived that was never revoked, and yet is not there. */
function consentLost(world: World, family: Family, key: string): boolean {
  const connected = world.history
    .of('operation')
    .findLast(
      ({ name, connection, subject, outcome }) =>
        name === 'callback' &&
        `${connection}/${subject}` === key &&
        (outcome as { kind?: string } | undefined)?.kind === 'connected',
    );
  const revoked = world.history.of('operation').some(({ name, connection, subject, endedAt }) => {
    const later = (endedAt ?? Number.POSITIVE_INFINITY) >= (connected?.at ?? 0);
    return name === 'revoke' && `${connection}/${subject}` === key && later;
  });
  // A page that is loaded again shows the outcome of before.
  const { at, endedAt } = connected ?? {};
  return !revoked && family.consentedAt >= at! && family.consentedAt <= endedAt!;
}
