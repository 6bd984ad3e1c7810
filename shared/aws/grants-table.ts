import { QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import type { Grant, GrantKey, GrantOutline, GrantsTable } from '../broker/ports.ts';
import { GRANTS_TABLE, MAX_SHARDS } from '../contract/tables.ts';
import type { Clock } from '../oauth/clock.ts';
import { fromItem } from './attributes.ts';
import { aloneIfTooLarge, type Dynamo } from './clients.ts';
import { fromGrantItem, fromOutlineItem, grantItem, outlineItem, toGrantItem } from './grant-item.ts';
import type { Sealer } from './sealing.ts';
import { type Members, parseItem, Table } from './table.ts';

interface GrantsTableParts {
  readonly dynamo: Dynamo;
  /** The table's name. */
  readonly table: string;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** Parts of the due index, 1–64. Raising it is safe; after lowering it the higher parts are no longer swept. */
  readonly shards: number;
}

const dueItem = v.object({ connection: v.string(), subject: v.string() });
const revItem = v.object({ rev: v.string() });
const kidsItem = v.object({ kids: v.array(v.string()) });

/** Grants, in items `connection` + `subject`. Every item is in the due index, whatever its state. */
export function createGrantsTable({
  dynamo,
  table: name,
  sealer,
  clock,
  shards,
}: GrantsTableParts): GrantsTable {
  const table = new Table(dynamo, name);

  return {
    async read(key) {
      sealer.prepare();
      const found = await table.get(itemKey(key), true);
      if (!found) return undefined;
      return fromGrantItem(sealer, parseItem(grantItem, found, `A grant of ${key.connection}`), clock.now());
    },

    async write(seen, next) {
      const put = async (tokens: Grant['tokens']) => {
        const { item, kept } = await toGrantItem(sealer, { ...next, tokens }, shards);
        const rev = await table.put(itemKey(next), { ...item }, seen);
        return rev === undefined ? undefined : { ...next, ...kept, rev };
      };
      return aloneIfTooLarge(
        () => put(next.tokens),
        () => put({}),
      );
    },

    remove: (seen) => table.remove(itemKey(seen), seen),

    async due(shard, now, limit) {
      const keys: GrantKey[] = [];
      const query = dueQuery(shard, now);
      for await (const item of queryAll(table, { ...query, Limit: limit })) {
        keys.push(parseItem(dueItem, item, 'An entry of the due index'));
        if (keys.length === limit) break;
      }
      return keys;
    },

    async outlines(connection, limit, after) {
      const outlines: GrantOutline[] = [];
      for await (const item of queryAll(table, { ...outlineQuery(connection, after), Limit: limit })) {
        outlines.push(outlineOf(item));
        if (outlines.length === limit) break;
      }
      return outlines;
    },

    async outline(key) {
      const found = await table.get(itemKey(key), true);
      return found && { ...outlineOf(found), rev: parseItem(revItem, found, nameOf(key)).rev };
    },

    async postpone(key, dueAt) {
      const found = await table.get(itemKey(key), true);
      if (!found) return;
      const { rev } = parseItem(revItem, found, nameOf(key));
      await table.put(itemKey(key), { ...(found as Members), due_at: dueAt }, { rev });
    },
  };
}

/**
 * The keys of the keyring that any grant has a value sealed under, through the due index. Its parts above
 * `shards` are read as well: grants written under a higher setting are still there.
 * @throws StoreUnavailable, UnreadableValue; then no key may be dropped
 */
export async function kidsInUse(dynamo: Dynamo, name: string): Promise<Set<string>> {
  const table = new Table(dynamo, name);
  const kids = new Set<string>();
  for (let shard = 0; shard < MAX_SHARDS; shard += 1) {
    for await (const item of queryAll(table, kidsQuery(shard))) {
      for (const kid of parseItem(kidsItem, item, 'An entry of the due index').kids) kids.add(kid);
    }
  }
  return kids;
}

/** A new object, because other members must not reach the key. */
function itemKey({ connection, subject }: GrantKey): { connection: string; subject: string } {
  return { connection, subject };
}

const nameOf = ({ connection }: GrantKey) => `A grant of ${connection}`;

function outlineOf(found: Record<string, unknown>): GrantOutline {
  return fromOutlineItem(parseItem(outlineItem, found, 'A grant'));
}

/** Placeholders stand for DynamoDB's reserved words. */
type Query = Omit<QueryCommandInput, 'TableName'>;

function dueQuery(shard: number, now: number): Query {
  return {
    IndexName: GRANTS_TABLE.index.name,
    KeyConditionExpression: '#shard = :shard AND due_at <= :now',
    ProjectionExpression: '#connection, subject',
    ExpressionAttributeNames: { '#shard': 'shard', '#connection': 'connection' },
    ExpressionAttributeValues: { ':shard': { N: String(shard) }, ':now': { N: String(now) } },
  };
}

function kidsQuery(shard: number): Query {
  return {
    IndexName: GRANTS_TABLE.index.name,
    KeyConditionExpression: '#shard = :shard',
    ProjectionExpression: 'kids',
    ExpressionAttributeNames: { '#shard': 'shard' },
    ExpressionAttributeValues: { ':shard': { N: String(shard) } },
  };
}

function outlineQuery(connection: string, after: string | undefined): Query {
  const names = Object.keys(outlineItem.entries).map((name) => [`#${name}`, name] as const);
  const beyond = after === undefined ? '' : ' AND #subject > :after';
  return {
    KeyConditionExpression: `#connection = :connection${beyond}`,
    ProjectionExpression: names.map(([placeholder]) => placeholder).join(', '),
    ExpressionAttributeNames: Object.fromEntries(names),
    ExpressionAttributeValues: {
      ':connection': { S: connection },
      ...(after !== undefined && { ':after': { S: after } }),
    },
  };
}

/** Every item that a query finds; DynamoDB answers in pages of at most 1 MB. */
async function* queryAll(table: Table, query: Query): AsyncGenerator<Record<string, unknown>> {
  let start: QueryCommandInput['ExclusiveStartKey'];
  do {
    const command = new QueryCommand({ ...query, TableName: table.name, ExclusiveStartKey: start });
    const page = await table.send('query items', (abortSignal) =>
      table.dynamo.client.send(command, { abortSignal }),
    );
    for (const item of page.Items ?? []) yield fromItem(item);
    start = page.LastEvaluatedKey;
  } while (start);
}
