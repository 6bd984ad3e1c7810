/** Plain values to DynamoDB attributes and back. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';

export type Plain =
  | string
  | number
  | boolean
  | readonly Plain[]
  | { readonly [name: string]: Plain | undefined };
export type Item = Record<string, AttributeValue>;

/** Members that are `undefined` are left out. */
export const toItem = (members: { readonly [name: string]: Plain | undefined }): Item =>
  marshall(members, { removeUndefinedValues: true });

export const fromItem = (item: Item): Record<string, unknown> => unmarshall(item);
