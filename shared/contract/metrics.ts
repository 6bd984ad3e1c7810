/**
 * The metrics that the functions write (as embedded metric format) and that dashboard and alarms read, in
 * one place, so that an alarm cannot watch a name that nobody writes.
 *
 * Every metric carries the dimension `service` (the deployment's name, which a stage prefixes), and at most
 * one more. CloudWatch bills each combination for each hour in which it is written: so what merely happens is
 * counted here, what goes wrong is written only when it does, and what is asked by connection is asked of the log.
 */

import type { ErrorCode } from './errors.ts';
import type { TokenOrigin } from './messages.ts';

export const METRICS_NAMESPACE = 'TokenBroker';

/** Name of the deployment in the `service` dimension and in logs; a stage is put before it. */
export const SERVICE = 'token-broker';

/** The values of each dimension that a metric may have beside `service`. */
export interface MetricDimensions {
  /** Where a token came from. */
  readonly Source: TokenOrigin;
  readonly Code: ErrorCode;
}
type MetricDimension = keyof MetricDimensions;

interface Metric {
  readonly name: string;
  readonly unit: 'Count' | 'Seconds';
  readonly dimension?: MetricDimension;
}

export const METRICS = {
  /** Every answered request of a caller, over HTTPS and by direct invoke, whatever came of it. */
  requests: { name: 'Requests', unit: 'Count' },
  tokensServed: { name: 'TokensServed', unit: 'Count', dimension: 'Source' },
  /** Every error answer, by the wire contract's code. */
  errors: { name: 'Errors', unit: 'Count', dimension: 'Code' },
  /** Error answers that are the deployment's own doing: `OWN_FAULTS`, all codes together. */
  ownFaults: { name: 'OwnFaults', unit: 'Count' },
  /** Error answers to direct invokes, which Lambda counts as errors of the function: what it counts beyond crashed. */
  answeredErrors: { name: 'AnsweredErrors', unit: 'Count' },
  /** Calls that the vendor refused definitively, all connections together. */
  vendorRejections: { name: 'VendorRejections', unit: 'Count' },
  /** A failing cache that was treated as a miss. */
  cacheFailures: { name: 'CacheFailures', unit: 'Count' },
  /** Written each time a refresh leaves a grant in doubt, hence repeatedly while it stays so. */
  grantsInDoubt: { name: 'GrantsInDoubt', unit: 'Count' },
  consentRequired: { name: 'ConsentRequired', unit: 'Count' },
  /** Written each time a sweep sees a grant whose refresh token will soon end of itself. */
  grantsExpiring: { name: 'GrantsExpiring', unit: 'Count' },
  unreadableValues: { name: 'UnreadableValues', unit: 'Count' },
  /** Grants that a sweep could not renew. */
  sweepFailures: { name: 'SweepFailures', unit: 'Count' },
  /** How long the most overdue grant of a sweep had been due, where that is longer than sweeps are apart. */
  sweepAge: { name: 'SweepAge', unit: 'Seconds' },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof METRICS;

/** Codes that are the deployment's own doing, not the caller's or the vendor's. */
export const OWN_FAULTS: ReadonlySet<ErrorCode | 'success'> = new Set([
  'internal',
  'secret_unavailable',
  'store_unavailable',
  'busy',
]);
