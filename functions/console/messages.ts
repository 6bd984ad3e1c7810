/** What goes between the console's server and its page, beside the broker's own answers. */
import type { BrokerEvent } from '../../shared/broker/events.ts';
import type { CallerRule } from '../../shared/connections/connection.ts';
import type { Action, TokenAnswer } from '../../shared/contract/messages.ts';
import type { Finding } from '../cli/doctor/check.ts';

/** Below it is what a page asks, with the key; everything else that the console serves holds nothing. */
export const API_PREFIX = '/console/api/';
/** The header that carries the key. */
export const KEY_HEADER = 'x-token-broker-console-key';

export interface About {
  /** Host and port of the broker's routes. */
  readonly broker: string;
  readonly isLocal: boolean;
  /** Where what happened is known from: the broker in the server's own process, or the deployed functions' logs. */
  readonly watched: 'process' | 'logs';
  /** Whether its vendors are simulated. */
  readonly simulated: boolean;
  /** Whether the connections are known as their file has them, and so who may use them. */
  readonly access: boolean;
}

/** Every answer that is no success. */
export interface ConsoleError {
  readonly message: string;
  /** What to do now, as a sentence or a command. */
  readonly next?: string;
}

/** A token without itself: what it says, where it is a JWT, and what the audit log knows it by. */
export interface TriedToken extends Omit<TokenAnswer, 'access_token'> {
  readonly fingerprint: string;
  readonly header?: object;
  readonly claims?: object;
  /** Only where it was asked for. */
  readonly access_token?: string;
}

/** Who may use a connection. */
export interface AccessAnswer {
  /** Absent: everybody whom IAM lets. */
  readonly callers?: readonly CallerRule[];
  readonly direct_invoke: boolean;
}

/** May this principal do that? */
export interface AccessQuestion {
  /** ARN of a role, of a user, of an account's root or of a session. */
  readonly principal: string;
  readonly action: Action;
  readonly subject?: string;
  /** Separated by spaces; absent: the connection's default. */
  readonly scope?: string;
}

export interface AccessVerdict {
  readonly allowed: boolean;
  readonly why: string;
}

export interface DoctorAnswer {
  readonly findings: readonly Finding[];
}

export interface ActivityEntry {
  /** Counts up, without gaps. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly event: BrokerEvent;
}

export interface ActivityAnswer {
  /** Oldest first. */
  readonly entries: readonly ActivityEntry[];
  /** By connection: the last hour by the minute, oldest first. */
  readonly history: Readonly<Record<string, readonly Minute[]>>;
  /** What became of grants, oldest first: kept for longer than other entries, and answered whole each time. */
  readonly grants: readonly ActivityEntry[];
}

/** What a broker did lately. */
export interface ActivitySource {
  /** @param after the number of the last entry that is known already */
  answer(after: number): ActivityAnswer | Promise<ActivityAnswer>;
}

/** Requests for tokens within one minute. */
export interface Minute {
  /** From memory or table. */
  readonly served: number;
  /** By the vendor. */
  readonly minted: number;
  readonly failed: number;
}

/** As the simulator describes its vendors (`functions/simulator/README.md`). */
export interface SimulatedVendorAnswer {
  readonly vendor: string;
  readonly faults: readonly Fault[];
  readonly faults_help: Readonly<
    Record<string, { readonly does: string; readonly options: Readonly<Record<string, string>> }>
  >;
  readonly counts: VendorCounts;
}

export interface Fault {
  readonly fault: string;
  readonly endpoint?: string;
  /** Requests that are still to be spoilt; 0: all. */
  readonly times?: number;
}

export interface VendorCounts {
  readonly requests: Readonly<
    Record<string, Readonly<Record<string, { received: number; answered: number; failed: number }>>>
  >;
  readonly in_flight: number;
  readonly max_in_flight: number;
  /** Mints, refreshes and so on. */
  readonly [event: string]: unknown;
}

export interface VendorsAnswer {
  readonly vendors: readonly SimulatedVendorAnswer[];
}
