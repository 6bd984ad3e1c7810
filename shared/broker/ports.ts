/**
 * What the broker needs from outside, as types. `shared/aws` implements the stores; tests and
 * `functions/compose.ts` put the parts together.
 *
 * Both tables have one write: compare-and-set of a whole entry. `rev` is a fresh random value in every
 * write, so "nobody has written since I read" is one equality, and a write that the SDK repeats recognises
 * itself (`rev = :seen OR rev = :mine`). Lease, due time, generation and version rules are then judged in
 * plain code, on the entry that was read.
 */

import type { KeyObject } from 'node:crypto';
import type { WebIdentity } from '../connections/connection.ts';
import type { ErrorCode, VendorStep } from '../contract/errors.ts';
import type { GrantState } from '../contract/messages.ts';
import type { Redacted } from '../contract/redacted.ts';
import type { KmsKeys } from '../oauth/client-secret.ts';
import type { Budget } from '../oauth/exchange.ts';
import type { Token } from '../oauth/token.ts';

/** An entry as it was read, or as a successful write left it. */
export type Stored<T> = T & { readonly rev: string };

/** The right to call the vendor for one key, for a bounded time. Fresh `id` per acquisition. */
export interface Lease {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** The last failure for a key, and until when it is believed without asking the vendor again. */
export interface Failure {
  readonly code: ErrorCode;
  readonly description: string;
  readonly vendorError?: string;
  /** HTTP status of the vendor's answer, where there was one. */
  readonly vendorStatus?: number;
  /** What the vendor was asked for. */
  readonly step?: VendorStep;
  /** Version of the secret that was refused: a newer one is tried at once (invariant 8). */
  readonly secretVersion?: string;
  readonly at: number;
  /** Milliseconds since the epoch; equal to `at` when it is not held. */
  readonly until: number;
  /** How many in a row, and when the first of them was. */
  readonly count: number;
  readonly since?: number;
}

/** The last mint, or refresh, that was forced by `rejected` or `min_ttl`. */
export interface Forced {
  /** When it was sent, in milliseconds since the epoch. */
  readonly at: number;
  /** For whose sake (`reporterOf`). */
  readonly by?: string;
}

/** One cache key of the `tokens` table. */
export interface TokenEntry {
  readonly token?: Token;
  readonly lease?: Lease;
  readonly failure?: Failure;
  readonly forced?: Forced;
  /** Set by a read: there is a sealed token that does not open, and why. The next write replaces it. */
  readonly unreadable?: string;
}

/**
 * The disposable table. Reads check time themselves: an entry past its expiry is as good as none.
 * @throws StoreUnavailable when DynamoDB fails, UnreadableValue when an item is not in the broker's form
 */
export interface TokensTable {
  read(key: string, options: { consistent: boolean }): Promise<Stored<TokenEntry> | undefined>;
  /** Resolves to the stored entry, or to `undefined` when another write came first. */
  write(
    key: string,
    seen: Stored<TokenEntry> | undefined,
    next: TokenEntry,
  ): Promise<Stored<TokenEntry> | undefined>;
}

/** A version of a connection's secret that the vendor has refused (invariant 8). */
export interface ClientRefusal {
  readonly secretVersion: string;
  readonly failure: Failure;
  /** Where the version stands that the vendor takes in its place: then the failure is held against nobody. */
  readonly accepted?: SpareStage;
}

export interface RefusalsTable {
  read(connection: string): Promise<Stored<ClientRefusal> | undefined>;
  write(
    connection: string,
    seen: Stored<ClientRefusal> | undefined,
    next: ClientRefusal,
  ): Promise<Stored<ClientRefusal> | undefined>;
}

/** How many calls of a vendor may be counted in a minute: for a connection, and for one principal of it. */
export interface BudgetLimits {
  readonly perMinute: number;
  readonly perPrincipal: number;
}

/** @throws StoreUnavailable */
export interface BudgetTable {
  /**
   * Counts one more call, unless that is more than may be. `window`: the number of the minute since the epoch;
   * `principal` absent: it counts for the connection alone.
   * @returns whether it was counted
   */
  spend(
    connection: string,
    window: number,
    principal: string | undefined,
    limits: BudgetLimits,
  ): Promise<boolean>;
}

export interface GrantKey {
  readonly connection: string;
  readonly subject: string;
}

/** The server and the client that a grant belongs to: if the connection now names others, it is not sent there (invariant 12). */
export interface GrantBinding {
  readonly issuer?: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
}

/** A consent that was given. Times are milliseconds since the epoch. */
export interface Grant extends GrantKey {
  /** Fresh random value with every consent and revocation. */
  readonly generation: string;
  /** `forgotten`: revoked, and nothing is left of it but its place, which is held for a while. */
  readonly status: Exclude<GrantState, 'in_doubt'> | 'forgotten';
  /** The generation that the last revocation ended; a tombstone's rescued answers are sealed under it. */
  readonly endedGeneration?: string;
  /** Absent when the vendor gave none. */
  readonly refreshToken?: Redacted;
  /** When the vendor says that the refresh token ends; absent: it does not say. */
  readonly refreshTokenEndsAt?: number;
  /** Access tokens by requested scope (sorted, space-separated); expired ones are dropped at the next commit. */
  readonly tokens: Readonly<Record<string, Token>>;
  readonly lease?: Lease;
  /** Refreshes that were begun and whose outcome is not recorded, oldest first: the grant is in doubt. */
  readonly attempts: readonly string[];
  /** Set by a read: the sealing keys that rescued answers to those may be sealed under. */
  readonly kids?: readonly string[];
  /** The attempt that the last commit recorded. */
  readonly lastAttempt?: string;
  /** When the sweep should look at it next. */
  readonly dueAt: number;
  readonly binding: GrantBinding;
  /** As sent at consent; sent again at refresh where the vendor wants it. */
  readonly redirectUri?: string;
  /** Scopes that were asked for at consent. */
  readonly scopes: readonly string[];
  readonly consentedAt: number;
  readonly consentedBy: string;
  readonly lastRefreshAt?: number;
  /** What the vendor said of the refresh token, or that nobody knows whether it was spent. */
  readonly lastFailure?: Failure;
  /** By requested scope, as the tokens are: the last failure since the last success. The newest few. */
  readonly failures?: Readonly<Record<string, Failure>>;
  /** By requested scope. The newest few. */
  readonly forced?: Readonly<Record<string, Forced>>;
}

/** A grant with something to refresh: no other can be sent to the vendor. */
export type RefreshableGrant = Stored<Grant> & { readonly refreshToken: Redacted };

/** What can be seen of a grant without opening what is sealed in it. */
export type GrantOutline = Pick<
  Grant,
  | keyof GrantKey
  | 'generation'
  | 'endedGeneration'
  | 'status'
  | 'attempts'
  | 'binding'
  | 'scopes'
  | 'consentedAt'
  | 'consentedBy'
  | 'lastRefreshAt'
  | 'refreshTokenEndsAt'
  | 'lastFailure'
  | 'failures'
> & {
  /** Of the token for the scopes that were consented to, in milliseconds since the epoch. */
  readonly expiresAt?: number;
};

/**
 * The precious table. Every write is conditional on `rev` and `generation`; nothing in it expires.
 * @throws StoreUnavailable, UnreadableValue
 */
export interface GrantsTable {
  /** Always consistent. */
  read(key: GrantKey): Promise<Stored<Grant> | undefined>;
  write(seen: Stored<GrantOutline> | undefined, next: Grant): Promise<Stored<Grant> | undefined>;
  /** Forgets; `false` when another write came first. */
  remove(seen: Stored<GrantOutline>): Promise<boolean>;
  /** Keys of grants due at `now`, soonest first, through the due index of one shard; `limit` at most. */
  due(shard: number, now: number, limit: number): Promise<GrantKey[]>;
  /**
   * Grants of a connection by subject, `limit` at most, those after a subject where one is given: what it costs does
   * not grow with their number.
   */
  outlines(connection: string, limit: number, after?: string): Promise<GrantOutline[]>;
  /** For a grant whose sealed values do not open: what it is, so that it can be ended or replaced. */
  outline(key: GrantKey): Promise<Stored<GrantOutline> | undefined>;
  /** Moves the due time and nothing else, so that a grant that does not open is not first for ever. */
  postpone(key: GrantKey, dueAt: number): Promise<void>;
}

/** A vendor's answer to one attempt, kept aside because the first commit of it failed. */
export interface Rescue {
  readonly attempt: string;
  readonly generation: string;
  readonly refreshToken?: Redacted;
  readonly refreshTokenEndsAt?: number;
  readonly token?: Token;
  readonly scopeKey: string;
}

/** Secrets under `token-broker-internal/rescue/`; created once, read by attempt, deleted after the commit. */
export interface Rescues {
  save(grant: GrantKey, rescue: Rescue): Promise<void>;
  find(grant: GrantKey, generation: string, attempt: string): Promise<Rescue | undefined>;
  discard(grant: GrantKey, attempt: string): Promise<void>;
}

/** What every consent that was started has. */
export interface StartedConsent extends GrantKey {
  /** Of the grant that there was when it was started. */
  readonly generation?: string;
  readonly endedGeneration?: string;
  readonly replace: boolean;
  /** ARN of the principal that started it. */
  readonly startedBy: string;
  readonly expiresAt: number;
  readonly endpoints: {
    readonly issuer?: string;
    readonly tokenEndpoint: string;
    readonly issInResponse?: boolean;
  };
  readonly scopes: readonly string[];
  /** Hash of the value that its browser holds; absent until a browser goes on with it. */
  readonly browser?: string;
  /** Where the page at its end links back to. */
  readonly returnTo?: string;
}

/** `finishing` while its code is being exchanged, so that it is exchanged once. */
interface Unfinished {
  readonly status: 'pending' | 'finishing';
}

/** Authorization code (RFC 6749 §4.1): the vendor sends it to the redirect URI, or shows it on screen (out-of-band). */
export interface CodeConsent extends StartedConsent, Unfinished {
  readonly kind: 'code';
  /** Where the person goes on at the vendor, but for the `state`. */
  readonly authorizationUrl: string;
  readonly redirectUri: string;
  /** Codes that were typed and that the vendor did not take. */
  readonly wrongCodes?: number;
  /** The server wants the request itself ahead of the browser (RFC 9126). */
  readonly isPushed?: true;
  /** PKCE (RFC 7636); absent where the vendor does not take it. */
  readonly codeVerifier?: Redacted;
}

/** Device authorization (RFC 8628): a person types a code on another device, and the vendor is polled meanwhile. */
export interface DeviceConsent extends StartedConsent, Unfinished {
  readonly kind: 'device';
  readonly deviceCode: Redacted;
  readonly userCode: Redacted;
  readonly verificationUri: string;
  readonly verificationUriComplete?: Redacted;
  /** Seconds between polls, and when the next poll may be sent. */
  readonly interval: number;
  readonly nextPollAt: number;
}

/** It has come to its end, and has no secrets any more. */
export interface ClosedConsent extends StartedConsent {
  readonly kind: 'closed';
  readonly status: 'granted' | 'denied' | 'expired' | 'failed';
  /** Safe sentence for the page, when it failed. */
  readonly outcome?: string;
}

export type OpenConsent = CodeConsent | DeviceConsent;
export type PendingConsent = OpenConsent | ClosedConsent;

/** Pending consents, in the `tokens` table under the hash of their handle. */
export interface ConsentsTable {
  read(id: string): Promise<Stored<PendingConsent> | undefined>;
  write<Consent extends PendingConsent>(
    id: string,
    seen: Stored<PendingConsent> | undefined,
    next: Consent,
  ): Promise<Stored<Consent> | undefined>;
}

/** Where a secret's other versions stand while it is rotated. */
export type SpareStage = 'AWSPENDING' | 'AWSPREVIOUS';
export type SecretStage = 'AWSCURRENT' | SpareStage;

/** A secret's value as stored; `oauth/client-secret.ts` knows its members. */
export interface SecretVersion {
  readonly versionId: string;
  readonly value: Redacted;
}

/**
 * Client secrets, cached for minutes, and what stands in none: keys in KMS, and AWS's word.
 * @throws BrokerError `secret_unavailable`: missing, without a value, or not readable by the broker
 */
export interface Secrets {
  /** `fresh` reads past the cache. Stages other than AWSCURRENT resolve to `undefined` where there is none. */
  read(name: string, options?: { fresh?: boolean }): Promise<SecretVersion>;
  readStage(name: string, stage: SpareStage): Promise<SecretVersion | undefined>;
  /** With a key that a secret names. */
  readonly sign: KmsKeys['sign'];
  /** The public half of such a key. */
  publicKey(keyId: string, budget: Budget): Promise<KeyObject>;
  /** AWS's word for the broker's role, good for one assertion, for this audience alone. */
  vouch(identity: WebIdentity, budget: Budget): Promise<string>;
}
