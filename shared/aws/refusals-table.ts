import * as v from 'valibot';
import type { RefusalsTable } from '../broker/ports.ts';
import { present } from '../contract/present.ts';
import { failureItem, fromFailureItem, REMEMBERED, timeToLive, toFailureItem } from './item-parts.ts';
import { parseItem, Table } from './table.ts';
import type { TokensTableParts } from './tokens-table.ts';

const refusalItem = v.object({
  rev: v.string(),
  secret_version: v.string(),
  failure: failureItem,
  accepted: v.optional(v.picklist(['AWSPENDING', 'AWSPREVIOUS'])),
});

/** Remembered refusals of the client, in items `refusal#CONNECTION` of the disposable table. */
export function createRefusalsTable({
  dynamo,
  table: name,
  clock,
}: Omit<TokensTableParts, 'sealer'>): RefusalsTable {
  const table = new Table(dynamo, name);

  return {
    async read(connection) {
      const pk = itemKey(connection);
      const found = await table.get({ pk }, true);
      if (!found) return undefined;
      const item = parseItem(refusalItem, found, `The item ${pk} of ${name}`);
      const { rev, secret_version: secretVersion, accepted } = item;
      return present({ rev, secretVersion, failure: fromFailureItem(item.failure), accepted });
    },

    async write(connection, seen, next) {
      const rev = await table.put(
        { pk: itemKey(connection) },
        {
          secret_version: next.secretVersion,
          failure: toFailureItem(next.failure),
          accepted: next.accepted,
          ttl: timeToLive(clock.now(), [next.failure.until + REMEMBERED]),
        },
        seen && { rev: seen.rev },
      );
      return rev === undefined ? undefined : { ...next, rev };
    },
  };
}

function itemKey(connection: string): string {
  return `refusal#${connection}`;
}
