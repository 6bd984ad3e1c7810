/** One mint: however many ask, the vendor is asked once. */
import type { EntryChange } from '../history.ts';
import type { World } from '../world.ts';
import type { Finding, Invariant } from './invariant.ts';

const SKEW = 10_000;

export const MINTING: readonly Invariant[] = [
  {
    name: 'a lease on a key is taken over only when it has run out, and given up only by its holder',
    check: ({ history }) =>
      history.of('entry').flatMap(({ at, process, key, before, after }): Finding[] => {
        const held = before?.lease;
        if (!held || held.until - SKEW <= at || after.lease?.id === held.id) return [];
        const holder = history
          .of('entry')
          .findLast((each) => each.at < at && each.after.lease?.id === held.id);
        const own = holder?.process === process && after.lease === undefined;
        return own ? [] : [{ at, text: `${process} wrote over the lease on ${key.slice(0, 6)}` }];
      }),
  },
  {
    name: 'nobody mints beside a holder, but without the table',
    check: (world) =>
      world.history.of('exchange').flatMap((exchange): Finding[] => {
        if (!exchange.purpose.endsWith('client_credentials') || exchange.sentAt === undefined) return [];
        if (cacheFailed(world, exchange.process, exchange.at)) return [];
        const taken = world.history
          .of('entry')
          .findLast(
            ({ process, at, after }) => process === exchange.process && at <= exchange.at && after.lease,
          );
        const text = `${exchange.process} minted without a lease`;
        return taken ? [] : [{ at: exchange.sentAt, text }];
      }),
  },
  {
    name: 'a lease is not taken on a key whose token nobody needs renewed',
    check: (world) =>
      world.history.of('entry').flatMap((change): Finding[] => {
        const { at, process, before, after } = change;
        const taken = after.lease && after.lease.id !== before?.lease?.id;
        const token = before?.token;
        if (!taken || !token || forcedBy(world, change)) return [];
        const life = token.expiresAt - token.mintedAt;
        const left = token.expiresAt - at;
        const due = Math.min(300_000, life / 5) + SKEW;
        return left > due ? [{ at, text: `${process} renewed a token with ${left} of ${life} ms left` }] : [];
      }),
  },
];

function cacheFailed({ history }: World, process: string, at: number): boolean {
  return history
    .of('event')
    .some(
      (each) =>
        each.process === process && each.event.type === 'cache_failed' && Math.abs(each.at - at) < 40_000,
    );
}

/** Whether the process works for somebody who wants more than the token in the table. */
function forcedBy({ history }: World, { at, process }: EntryChange): boolean {
  return history.of('operation').some((operation) => {
    const input = (operation.input ?? {}) as { rejected?: string; min_ttl?: number };
    const wants = input.rejected !== undefined || input.min_ttl !== undefined;
    // What a store applies late, it applies up to so long after whoever wrote has gone on without it.
    const last = (operation.endedAt ?? at) + 25_000;
    return wants && operation.process === process && operation.at <= at && last >= at;
  });
}
