/**
 * Everything worth a log line or a metric, as one closed union: the broker says what happened, the
 * functions' telemetry decides how it is written. No event holds a secret, a token or a vendor's body.
 */

import type { ErrorCode, VendorStep } from '../contract/errors.ts';
import type { Action, TokenOrigin } from '../contract/messages.ts';

/** One per outcome of a caller's request: who asked for what, and what came of it. */
export interface AuditRecord {
  readonly type: 'audit';
  /** `unknown` where the request was refused before it was known what it asks for. */
  readonly action: Action | 'unknown';
  /** ARN of the caller, or `lambda:invoke` where Lambda has authorized it. */
  readonly principal: string;
  readonly connection: string;
  readonly subject?: string;
  readonly scope?: string;
  /** Which of `params`, `min_ttl` and `rejected` were there. */
  readonly asks?: readonly string[];
  readonly outcome: 'success' | ErrorCode;
  readonly source?: TokenOrigin;
  readonly fingerprint?: string;
  readonly warning?: string;
  readonly vendorError?: string;
  readonly detail?: string;
  /** Milliseconds. */
  readonly duration: number;
}

export type BrokerEvent =
  | AuditRecord
  | {
      readonly type: 'vendor_call';
      readonly connection: string;
      readonly vendor: string;
      readonly purpose: VendorStep;
      readonly outcome: 'success' | 'vendor_rejected' | 'vendor_unavailable';
      readonly vendorError?: string;
      /** Milliseconds, all attempts together. */
      readonly duration: number;
    }
  /** Another worker held the lease. Milliseconds. */
  | { readonly type: 'lease_wait'; readonly connection: string; readonly duration: number }
  /** A failing cache was treated as a miss. */
  | { readonly type: 'cache_failed'; readonly connection: string; readonly operation: string }
  /** A sealed value did not open: somebody must look. */
  | { readonly type: 'unreadable_value'; readonly connection: string; readonly detail: string }
  | {
      readonly type: 'grant';
      readonly change:
        | 'refreshed'
        | 'in_doubt'
        | 'rescued'
        | 'adopted'
        | 'consent_required'
        /** Its refresh token will end of itself before long. */
        | 'expiring'
        | 'consented'
        | 'consent_denied'
        | 'consent_failed'
        | 'revoked'
        | 'superseded';
      readonly connection: string;
      readonly subject: string;
      /** ARN of the principal that started the consent. */
      readonly principal?: string;
      readonly attempt?: string;
      readonly vendorError?: string;
    }
  | {
      readonly type: 'sweep';
      readonly shard: number;
      /** How many grants were due. */
      readonly due: number;
      readonly renewed: number;
      readonly failed: number;
      readonly skipped: number;
      /** Due grants left for the next sweep. */
      readonly backlog: number;
      /** Seconds for which the most overdue grant had been due. */
      readonly age: number;
      /** Seconds of life left in the access token that ends first, among the grants seen. */
      readonly soonestExpiry?: number;
      /** Milliseconds. */
      readonly duration: number;
    };

export type Observe = (event: BrokerEvent) => void;
