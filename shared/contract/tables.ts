/** The schemas of the two tables, for the stack that makes them and for the program that makes them locally. */

interface Attribute {
  readonly name: string;
  /** String or number, as DynamoDB abbreviates them. */
  readonly type: 'S' | 'N';
}

interface Key {
  readonly partition: Attribute;
  readonly sort?: Attribute;
}

export interface TableSchema {
  readonly key: Key;
  /** Attribute by which DynamoDB deletes items, in seconds since the epoch. */
  readonly ttl?: string;
  readonly index?: {
    readonly name: string;
    readonly key: Required<Key>;
    /** What the index holds beside the keys. */
    readonly include: string[];
  };
}

/** Minted tokens, leases, pending consents: each ends by its `ttl`, and can be had again. */
export const TOKENS_TABLE = {
  key: { partition: { name: 'pk', type: 'S' } },
  ttl: 'ttl',
} satisfies TableSchema;

/** Refresh tokens: a lost one is a person asked to consent again, so nothing in it expires. */
export const GRANTS_TABLE = {
  key: { partition: { name: 'connection', type: 'S' }, sort: { name: 'subject', type: 'S' } },
  index: {
    /** What the sweep reads. */
    name: 'due',
    key: { partition: { name: 'shard', type: 'N' }, sort: { name: 'due_at', type: 'N' } },
    // What the keyring's rotation asks of every grant: the keys that it is sealed under.
    include: ['kids'],
  },
} satisfies TableSchema;

/** The most parts that the due index may have: as many as a rotation of the keyring looks through. */
export const MAX_SHARDS = 64;
