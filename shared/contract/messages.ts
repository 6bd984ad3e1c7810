/**
 * The wire contract: what callers send and what they get, over HTTPS and by direct invoke alike.
 * Members are snake_case as in the OAuth RFCs; times on the wire are RFC 3339, durations whole seconds.
 */
import type { VendorStep } from './errors.ts';

export type { ErrorAnswer, VendorStep } from './errors.ts';

/** A connection's name; also a Lambda alias, hence not all digits. */
export const CONNECTION_NAME = /^(?![0-9]+$)[A-Za-z0-9_-]{1,64}$/;

/** The subject of a connection that has just one. */
export const DEFAULT_SUBJECT = 'default';

/** A subject: 1–256 characters without `/`, control characters and lone surrogates. */
export const SUBJECT = /^[^/\p{Cc}\p{Cs}]{1,256}$/u;

/** The longest `min_ttl` that may be asked for, in seconds: no token is kept longer (invariant 13). */
export const MAX_MIN_TTL = 86_400;

/** What a caller may be allowed to do with a connection. */
export const ACTIONS = ['token', 'read', 'consent', 'revoke'] as const;
export type Action = (typeof ACTIONS)[number];

/** Body of `POST /connections/{connection}/token`, and the event of a direct invoke. */
export interface TokenRequestBody {
  subject?: string;
  /** Space-separated, RFC 6749 §3.3. */
  scope?: string;
  /** Extra claims that a scope needs (Bits `application.session`). */
  params?: Record<string, string>;
  /** Seconds of life that the token should have left, 0–86400. */
  min_ttl?: number;
  /** Fingerprint of a token that the vendor's API refused. */
  rejected?: string;
}

/**
 * Where a token came from.
 * @example
 * ```ts
 * import type { TokenOrigin } from 'token-broker';
 * const isNew = (source: TokenOrigin) => source === 'vendor';
 * ```
 */
export type TokenOrigin = 'memory' | 'table' | 'vendor';

/** How many grants one answer lists, unless `limit` says otherwise, and at most. */
export const GRANTS_A_PAGE = 50;
export const MOST_GRANTS_A_PAGE = 100;

/** RFC 6749 §5.1, plus ours. */
export interface TokenAnswer {
  access_token: string;
  /** `Bearer`, exactly what a caller puts before the token, however the vendor spells it. */
  token_type: string;
  /** Seconds from now, not from minting. */
  expires_in: number;
  scope?: string;
  expires_at: string;
  minted_at: string;
  source: TokenOrigin;
  warning?: string;
}

/** Body of `POST /connections/{connection}/consent`. */
export interface ConsentRequestBody {
  subject?: string;
  /** Consent again although a live grant exists; the old one stays until the new one is stored. */
  replace?: boolean;
  /** Where the page at the end links back to: an https URL on one of the connection's `return_hosts`. */
  return_to?: string;
}

interface StartedConsentAnswer {
  /** What the consent is asked about by. */
  consent: string;
  /** The page that leads a person through it. */
  consent_url: string;
  expires_in: number;
}
/** RFC 8628 §3.2 */
interface DeviceConsentAnswer extends StartedConsentAnswer {
  user_code: string;
  verification_uri: string;
  verification_uri_complete?: string;
  interval: number;
}
/**
 * A consent that was begun.
 * @example
 * ```ts
 * import type { ConsentAnswer } from 'token-broker';
 * const codeOf = (answer: ConsentAnswer) => ('user_code' in answer ? answer.user_code : undefined);
 * ```
 */
export type ConsentAnswer = StartedConsentAnswer | DeviceConsentAnswer;

type ConsentStatus = 'pending' | 'granted' | 'denied' | 'expired';
export interface ConsentStatusAnswer {
  status: ConsentStatus;
  /** Seconds to wait before polling again, while pending. */
  interval?: number;
  /** What went wrong, where something other than the person's no did. */
  error_description?: string;
}

/**
 * A grant's life as callers see it: `active` (serving), `in_doubt` (a refresh was sent and its outcome is
 * not known; it is being recovered), `consent_required` (the vendor ended it), `revoked` (being forgotten).
 */
export const GRANT_STATES = ['active', 'in_doubt', 'consent_required', 'revoked'] as const;
/**
 * One of the states of a grant.
 * @example
 * ```ts
 * import type { GrantState } from 'token-broker';
 * const isServing = (state: GrantState) => state === 'active' || state === 'in_doubt';
 * ```
 */
export type GrantState = (typeof GRANT_STATES)[number];

interface LastFailure {
  error: string;
  /** What the vendor was asked for, and the HTTP status of its answer, where it was asked and answered. */
  step?: VendorStep;
  http_status?: number;
  vendor_error?: string;
  at: string;
}

/**
 * One grant as `GET /connections/{connection}/grants` lists it.
 * @example
 * ```ts
 * import type { GrantAnswer } from 'token-broker';
 * const mustConsentAgain = ({ grant_status }: GrantAnswer) => grant_status === 'consent_required';
 * ```
 */
export interface GrantAnswer {
  subject: string;
  grant_status: GrantState;
  /** As consented to. */
  scope?: string;
  /** Of the current token. */
  expires_at?: string;
  last_refresh_at?: string;
  /** When the refresh token ends of itself, where the connection says how long those live; `expiring`: soon. */
  refresh_token_expires_at?: string;
  expiring?: true;
  consented_at: string;
  /** ARN of the principal that began the consent. */
  consented_by: string;
  last_failure?: LastFailure;
}

/**
 * A page of grants; `cursor`: there is more, and this asks for it.
 * @example
 * ```ts
 * import type { GrantListAnswer } from 'token-broker';
 * const isLast = ({ cursor }: GrantListAnswer) => cursor === undefined;
 * ```
 */
export interface GrantListAnswer {
  grants: GrantAnswer[];
  cursor?: string;
}

/**
 * What became of a grant that was revoked. `vendor`: whether the vendor ended its part; `not_supported`: it has no
 * revocation endpoint (RFC 7009).
 * @example
 * ```ts
 * import type { RevokeAnswer } from 'token-broker';
 * const wasThere = ({ status }: RevokeAnswer) => status === 'revoked';
 * ```
 */
export interface RevokeAnswer {
  status: 'revoked' | 'none';
  vendor?: 'revoked' | 'not_supported' | 'failed';
}

/**
 * One connection as `GET /connections` and `GET /connections/{connection}` show it.
 * @example
 * ```ts
 * import type { ConnectionAnswer } from 'token-broker';
 * const needsConsent = ({ grant_status }: ConnectionAnswer) => grant_status === 'consent_required';
 * ```
 */
export interface ConnectionAnswer {
  connection: string;
  vendor: string;
  grant_type: string;
  /** Where no secret is stored: how the broker proves itself without one. */
  client_auth?: 'aws_web_identity';
  scope?: string;
  scopes: string[];
  api_hosts: string[];
  /** HTTP statuses of the vendor's API that mean "this token is no good". */
  rejection_statuses: number[];
  owner?: string;
  tags?: Record<string, string>;
  /** With `?subject=`, or for connections without grants: one key's state. */
  subject?: string;
  grant_status?: GrantState | 'none';
  expires_at?: string;
  last_refresh?: string;
  refresh_token_expires_at?: string;
  expiring?: true;
  last_failure?: LastFailure;
  /** Without `?subject=`, for connections with grants. */
  grants?: Record<GrantState, number>;
  /** Of the active ones; absent: none. */
  grants_expiring?: number;
  /** There are more grants than were counted, which are the first 1,000 by subject. */
  grants_truncated?: true;
}
