/**
 * One DynamoDB table of items that carry `rev`, a fresh random value in every write.
 *
 * The SDK may apply a write, lose the answer and send it again. Such a repeat must not be taken for a lost
 * race, so each condition also accepts the very `rev` that it writes; as no two writes share one, an item that
 * was changed and changed back (ABA) is not mistaken for the one that was read.
 */
import { randomBytes } from 'node:crypto';
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import { UnreadableValue } from '../contract/errors.ts';
import { fromItem, type Item, type Plain, toItem } from './attributes.ts';
import { type Dynamo, storeUnavailable, within } from './clients.ts';

export type Members = { readonly [name: string]: Plain | undefined };

/** What a write must still find: nothing, or the item with these values. */
export type Expected = undefined | { readonly rev: string; readonly generation?: string };

export class Table {
  readonly dynamo: Dynamo;
  readonly name: string;

  constructor(dynamo: Dynamo, name: string) {
    this.dynamo = dynamo;
    this.name = name;
  }

  /** One GetItem. @throws StoreUnavailable */
  async get(key: Members, consistent: boolean): Promise<Record<string, unknown> | undefined> {
    const command = new GetItemCommand({
      TableName: this.name,
      Key: toItem(key),
      ConsistentRead: consistent,
    });
    const { Item: item } = await this.send('read an item', (abortSignal) =>
      this.dynamo.client.send(command, { abortSignal }),
    );
    return item && fromItem(item);
  }

  /**
   * One conditional PutItem of a whole item.
   * @returns the new `rev`, or `undefined` when another write came first
   * @throws StoreUnavailable; whether the write was applied is then unknown
   */
  async put(key: Members, members: Members, expected: Expected): Promise<string | undefined> {
    const rev = randomBytes(16).toString('base64url');
    const command = new PutItemCommand({
      TableName: this.name,
      Item: toItem({ ...members, ...key, rev }),
      ConditionExpression: `${expected ? asSeen(expected) : ABSENT} OR rev = :mine`,
      ...(expected ? {} : keyName(key)),
      ExpressionAttributeValues: { ...seenValues(expected), ':mine': { S: rev } },
    });
    const applied = await this.conditionally('write an item', (abortSignal) =>
      this.dynamo.client.send(command, { abortSignal }),
    );
    return applied ? rev : undefined;
  }

  /** One conditional DeleteItem; an item that is gone already counts as deleted. @throws StoreUnavailable */
  async remove(key: Members, expected: NonNullable<Expected>): Promise<boolean> {
    const command = new DeleteItemCommand({
      TableName: this.name,
      Key: toItem(key),
      ConditionExpression: `${ABSENT} OR ${asSeen(expected)}`,
      ...keyName(key),
      ExpressionAttributeValues: seenValues(expected),
    });
    return this.conditionally('delete an item', (abortSignal) =>
      this.dynamo.client.send(command, { abortSignal }),
    );
  }

  async send<T>(operation: string, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await within(this.dynamo.timeout, call);
    } catch (error) {
      throw storeUnavailable(`${operation} of the table ${this.name}`, error);
    }
  }

  /** @returns whether its condition held. @throws StoreUnavailable */
  async conditionally(operation: string, call: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
    try {
      await within(this.dynamo.timeout, call);
      return true;
    } catch (error) {
      if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return false;
      throw storeUnavailable(`${operation} of the table ${this.name}`, error);
    }
  }
}

const ABSENT = 'attribute_not_exists(#key)';

/** By placeholder, because `connection` is a reserved word of DynamoDB's expressions. */
function keyName(key: Members) {
  return { ExpressionAttributeNames: { '#key': Object.keys(key)[0]! } };
}

/** Without parentheses, which AND needs none of: the embedded store is slow at them. */
function asSeen({ generation }: NonNullable<Expected>): string {
  return generation === undefined ? 'rev = :seen' : 'rev = :seen AND generation = :generation';
}

function seenValues(expected: Expected): Item {
  return expected ? toItem({ ':seen': expected.rev, ':generation': expected.generation }) : {};
}

/** Checks an item's form. @throws UnreadableValue naming the first attribute that is wrong, never its value */
export function parseItem<Schema extends v.GenericSchema>(
  schema: Schema,
  item: Record<string, unknown>,
  what: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, item, { abortEarly: true });
  if (result.success) return result.output;
  const path = v.getDotPath(result.issues[0]) ?? 'the item';
  throw new UnreadableValue(`${what} is not in the form that the broker writes: look at ${path}.`);
}
