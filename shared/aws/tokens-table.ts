import * as v from 'valibot';
import type { TokenEntry, TokensTable } from '../broker/ports.ts';
import { UnreadableValue } from '../contract/errors.ts';
import { present } from '../contract/present.ts';
import type { Clock } from '../oauth/clock.ts';
import type { Token } from '../oauth/token.ts';
import { aloneIfTooLarge, type Dynamo } from './clients.ts';
import {
  failureItem,
  forcedItem,
  fromFailureItem,
  leaseItem,
  REMEMBERED,
  time,
  timeToLive,
  toFailureItem,
  toLeaseItem,
} from './item-parts.ts';
import { openToken, sealToken } from './sealed-token.ts';
import type { Binding, Sealer } from './sealing.ts';
import { parseItem, Table } from './table.ts';

/** What the three kinds of entries in the disposable table need. */
export interface TokensTableParts {
  readonly dynamo: Dynamo;
  /** The table's name. */
  readonly table: string;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

const tokenItem = v.object({
  rev: v.string(),
  token: v.optional(v.object({ sealed: v.string(), expires_at: time })),
  lease: v.optional(leaseItem),
  failure: v.optional(failureItem),
  forced: v.optional(forcedItem),
});

/**
 * Minted tokens, leases and failures, in items `token#KEY`. DynamoDB may delete an expired item days late, so
 * reading leaves out what is over; an item in which nothing is left is still an entry, because the next write
 * must name its `rev`.
 */
export function createTokensTable({ dynamo, table: name, sealer, clock }: TokensTableParts): TokensTable {
  const table = new Table(dynamo, name);

  return {
    async read(key, { consistent }) {
      const pk = itemKey(key);
      sealer.prepare();
      const found = await table.get({ pk }, consistent);
      if (!found) return undefined;
      const item = parseItem(tokenItem, found, `The item ${pk} of ${name}`);
      const now = clock.now();
      const { token, lease, failure, forced } = item;
      const alive = token && token.expires_at > now;
      return present({
        rev: item.rev,
        ...(alive && (await tryOpen(token.sealed, pk))),
        lease: lease && lease.until > now ? lease : undefined,
        failure: failure && failure.until + REMEMBERED > now ? fromFailureItem(failure) : undefined,
        forced: forced && forced.at + REMEMBERED > now ? present(forced) : undefined,
      });
    },

    async write(key, seen, next) {
      const pk = itemKey(key);
      const { token, lease, failure, forced } = next;
      const put = async (kept: Token | undefined) => {
        const rev = await table.put(
          { pk },
          {
            token: kept && {
              sealed: await sealToken(sealer, kept, binding(pk)),
              expires_at: kept.expiresAt,
            },
            lease: lease && toLeaseItem(lease),
            failure: failure && toFailureItem(failure),
            forced: forced && { ...forced },
            ttl: timeToLive(clock.now(), [
              kept?.expiresAt,
              lease?.until,
              failure && failure.until + REMEMBERED,
              forced && forced.at + REMEMBERED,
            ]),
          },
          seen && { rev: seen.rev },
        );
        return rev === undefined ? undefined : present({ token: kept, lease, failure, forced, rev });
      };
      // What follows from the mint must be known, its lease's end above all, though its token does not fit.
      return aloneIfTooLarge(
        () => put(token),
        () => put(undefined),
      );
    },
  };

  /** A token can be had again: what does not open is told of, and then goes the way of what has expired. */
  async function tryOpen(sealed: string, pk: string): Promise<Pick<TokenEntry, 'token' | 'unreadable'>> {
    try {
      return { token: await openToken(sealer, sealed, binding(pk)) };
    } catch (error) {
      if (!(error instanceof UnreadableValue)) throw error;
      return { unreadable: error.message };
    }
  }
}

function itemKey(key: string): string {
  return `token#${key}`;
}

function binding(pk: string): Binding {
  return { item: pk, purpose: 'access_token' };
}
