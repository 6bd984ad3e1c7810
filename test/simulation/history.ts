/**
 * What happened in a run, in order, as nobody inside it could see it. The invariants are judged on this alone
 * (`invariants/`), and a failing run prints it.
 */
import type { BrokerEvent } from '../../shared/broker/events.ts';
import type { Grant, Rescue, Stored, TokenEntry } from '../../shared/broker/ports.ts';
import type { StoreFault, VendorFault } from './weather.ts';

/** One operation on a store. Times are the true ones. */
export interface StoreOperation {
  readonly type: 'store';
  readonly at: number;
  readonly process: string;
  readonly operation: string;
  readonly key: string;
  readonly fault?: StoreFault;
  /** When it took effect; absent: never, or not yet. */
  appliedAt?: number;
  /** `false`: the condition did not hold, or there was nothing. */
  fits?: boolean;
  /** When the process heard of it, and what. */
  answeredAt?: number;
  answer?: 'ok' | 'unavailable';
}

/** A write of a grant, as it took effect. `after` is absent when it was removed. */
export interface GrantChange {
  readonly type: 'grant';
  readonly at: number;
  readonly process: string;
  readonly key: string;
  readonly before: Stored<Grant> | undefined;
  readonly after: Stored<Grant> | undefined;
}

/** An entry of the disposable table, as a write left it. */
export interface EntryChange {
  readonly type: 'entry';
  readonly at: number;
  readonly process: string;
  readonly key: string;
  readonly before: Stored<TokenEntry> | undefined;
  readonly after: Stored<TokenEntry>;
}

/** A refresh token put aside, from when it stands there and from when everybody can see it. */
export interface RescueChange {
  readonly type: 'rescue';
  readonly at: number;
  readonly process: string;
  readonly key: string;
  readonly attempt: string;
  /** Absent: it was discarded. */
  readonly rescue?: Rescue;
  readonly visibleAt?: number;
}

/** One request to a vendor's server, from the side of both. */
export interface VendorExchange {
  readonly type: 'exchange';
  readonly id: number;
  readonly at: number;
  readonly process: string;
  readonly purpose: string;
  readonly fault?: VendorFault;
  /** The refresh token, code or device code that it carries, or the token to revoke. */
  readonly presented?: string;
  readonly scope?: string;
  /** By the sender's own clock. */
  sentAt?: number;
  sentLocally?: number;
  actedAt?: number;
  status?: number;
  error?: string;
  /** Tokens in the answer. */
  refreshToken?: string;
  accessToken?: string;
  /** When the sender went on with the answer. */
  deliveredAt?: number;
  failedAt?: number;
}

export type EndReason = 'reuse' | 'code reuse' | 'revoked by us' | 'ended by the user';

/** What became of a consent at the vendor. */
export interface FamilyEnd {
  readonly type: 'family';
  readonly at: number;
  readonly family: number;
  readonly subject: string;
  readonly reason: EndReason;
  readonly exchange?: VendorExchange;
}

/** What somebody asked of the broker. */
export interface Operation {
  readonly type: 'operation';
  readonly at: number;
  readonly process: string;
  readonly name: 'token' | 'consent' | 'goOn' | 'callback' | 'proceed' | 'revoke' | 'sweep';
  readonly connection: string;
  readonly subject?: string;
  readonly principal?: string;
  readonly input?: unknown;
  /** Of a consent: from which start it comes. */
  readonly startedAt?: number;
  /** After the faults were over. */
  readonly probe?: boolean;
  endedAt?: number;
  outcome?: unknown;
  error?: { readonly code: string; readonly text: string };
}

export interface ProcessChange {
  readonly type: 'process';
  readonly at: number;
  readonly process: string;
  readonly what: 'started' | 'killed' | 'frozen' | 'thawed';
  readonly milliseconds?: number;
}

export interface Told {
  readonly type: 'event';
  readonly at: number;
  readonly process: string;
  readonly event: BrokerEvent;
}

export interface Remark {
  readonly type: 'remark';
  readonly at: number;
  readonly text: string;
}

export type Entry =
  | StoreOperation
  | GrantChange
  | EntryChange
  | RescueChange
  | VendorExchange
  | FamilyEnd
  | Operation
  | ProcessChange
  | Told
  | Remark;

export class History {
  readonly entries: Entry[] = [];
  readonly #byType = new Map<Entry['type'], Entry[]>();

  add<T extends Entry>(entry: T): T {
    this.entries.push(entry);
    const known = this.#byType.get(entry.type);
    if (known) known.push(entry);
    else this.#byType.set(entry.type, [entry]);
    return entry;
  }

  of<Type extends Entry['type']>(type: Type): readonly Extract<Entry, { type: Type }>[] {
    return (this.#byType.get(type) ?? []) as Extract<Entry, { type: Type }>[];
  }
}
