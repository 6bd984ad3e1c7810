/**
 * Grants of a connection that has another name now. Each moves when it is first asked for or falls due:
 *
 *   hold the old one by a lease ─▶ write it under the new name ─▶ bury the old one, emptied
 *
 * Every step is a compare-and-set, and whoever dies in between leaves a lease that ends: then it is done again.
 * The hold keeps processes that still have the old name from spending the refresh token, and one that is at it
 * is waited for. Buried, the old one cannot be brought back by a late write; a later consent to it moves as well.
 */
import { randomUUID } from 'node:crypto';
import type { Connection } from '../../connections/connection.ts';
import { BrokerError } from '../../contract/errors.ts';
import type { Clock } from '../../oauth/clock.ts';
import type { Grant, GrantKey, GrantsTable, Rescues, Stored } from '../ports.ts';
import { bySubject } from './list-grants.ts';
import { buried, forgotten, isGone } from './states.ts';

/** Milliseconds: a move is a handful of writes. */
const HOLD = 30_000;

export interface RenamedParts {
  readonly grants: GrantsTable;
  readonly rescues: Rescues;
  readonly clock: Clock;
}

/** The stores as the connections of today see them. What was rescued stays where it is, and is found there. */
export function followingRenames(
  connections: Iterable<Connection>,
  parts: RenamedParts,
): Pick<RenamedParts, 'grants' | 'rescues'> {
  const former = new Map<string, string>();
  for (const { name, renamedFrom } of connections) if (renamedFrom) former.set(name, renamedFrom);
  const { grants, rescues } = parts;
  if (former.size === 0) return { grants, rescues };
  const current = new Map([...former].map(([name, old]) => [old, name]));
  const before = <Key extends GrantKey>(key: Key): GrantKey | undefined => {
    const connection = former.get(key.connection);
    return connection === undefined ? undefined : { connection, subject: key.subject };
  };
  return {
    grants: followingGrants(parts, { before, former, current }),
    rescues: followingRescues(parts, before),
  };
}

type Before = (key: GrantKey) => GrantKey | undefined;

function followingRescues({ rescues }: RenamedParts, before: Before): Rescues {
  return {
    ...rescues,
    async find(key, ...which) {
      const old = before(key);
      return (await rescues.find(key, ...which)) ?? (old && (await rescues.find(old, ...which)));
    },
    async discard(key, attempt) {
      const old = before(key);
      await rescues.discard(key, attempt);
      if (old) await rescues.discard(old, attempt);
    },
  };
}

interface Names {
  readonly before: Before;
  /** By the name of today, and the other way round. */
  readonly former: ReadonlyMap<string, string>;
  readonly current: ReadonlyMap<string, string>;
}

function followingGrants(parts: RenamedParts, { before, former, current }: Names): GrantsTable {
  const { grants } = parts;
  return {
    ...grants,

    async read(key) {
      const found = await grants.read(key);
      const old = before(key);
      // A tombstone may be what is left of a grant that has been renamed away and now comes back.
      if (!old || (found && !isGone(found))) return found;
      return move(parts, old, key, found);
    },

    async due(...asked) {
      const keys = await grants.due(...asked);
      return Promise.all(
        keys.map(async (key) => {
          const name = current.get(key.connection);
          if (name === undefined) return key;
          const now = { ...key, connection: name };
          // Whoever is at the old one will be done at the next sweep.
          await move(parts, key, now, await grants.read(now)).catch(unlessBusy);
          return now;
        }),
      );
    },

    async outlines(connection, limit, after) {
      const old = former.get(connection);
      const names = old === undefined ? [connection] : [connection, old];
      const found = await Promise.all(names.map((name) => grants.outlines(name, limit, after)));
      const unmoved = (found[1] ?? []).filter((grant) => !isGone(grant));
      const all = [...(found[0] ?? []), ...unmoved.map((grant) => ({ ...grant, connection }))];
      return all.sort((a, b) => bySubject(a.subject, b.subject)).slice(0, limit);
    },
  };
}

/** Resolves to the grant under its new name, moved or not. @throws BrokerError `busy` while the old one is in use */
async function move(
  { grants, clock }: RenamedParts,
  from: GrantKey,
  to: GrantKey,
  found: Stored<Grant> | undefined,
): Promise<Stored<Grant> | undefined> {
  const old = await grants.read(from);
  if (!old || isGone(old)) return found;
  if (found && found.consentedAt >= old.consentedAt && !isGone(found)) {
    await grants.write(old, emptied(old, clock.now()));
    return found;
  }
  const now = clock.now();
  if (old.lease && old.lease.until > now) throw inUse(from);
  const held = await grants.write(old, { ...old, lease: { id: randomUUID(), until: now + HOLD } });
  if (!held) throw inUse(from);
  const { lease: _, ...kept } = held;
  const moved = await grants.write(found, { ...kept, connection: to.connection });
  if (!moved) throw inUse(from);
  await grants.write(held, emptied(held, clock.now()));
  return moved;
}

/** What the vendor gave lives on under the new name: it must not be told. */
function emptied(grant: Grant, now: number): Grant {
  return forgotten(buried(grant, now), now);
}

function unlessBusy(error: unknown): void {
  if (!(error instanceof BrokerError) || error.code !== 'busy') throw error;
}

function inUse({ connection }: GrantKey): BrokerError {
  return new BrokerError(
    'busy',
    `A grant is being moved here from the former name ${connection}: ask again.`,
    {
      retryAfter: 1,
    },
  );
}
