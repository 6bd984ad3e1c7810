/** Plain values to DynamoDB attributes and back, for the few types that the tables use. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

export type Plain =
  | string
  | number
  | boolean
  | readonly Plain[]
  | { readonly [name: string]: Plain | undefined };
export type Item = Record<string, AttributeValue>;

/** Members that are `undefined` are left out. */
export function toItem(members: { readonly [name: string]: Plain | undefined }): Item {
  const present = Object.entries(members).filter(
    (member): member is [string, Plain] => member[1] !== undefined,
  );
  return Object.fromEntries(present.map(([name, value]) => [name, toAttribute(value)]));
}

export function fromItem(item: Item): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, fromAttribute(value)]));
}

function toAttribute(value: Plain): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (isList(value)) return { L: value.map(toAttribute) };
  return { M: toItem(value) };
}

/** A type that the tables do not use comes back as `undefined`, and the item's schema then refuses it. */
function fromAttribute(attribute: AttributeValue): unknown {
  if (attribute.S !== undefined) return attribute.S;
  if (attribute.N !== undefined) return Number(attribute.N);
  if (attribute.BOOL !== undefined) return attribute.BOOL;
  if (attribute.L !== undefined) return attribute.L.map(fromAttribute);
  if (attribute.M !== undefined) return fromItem(attribute.M);
  return undefined;
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}
