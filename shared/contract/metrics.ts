/**
 * The metrics that the functions write (as embedded metric format) and that dashboard and alarms read, in
 * one place, so that an alarm cannot watch a name that nobody writes.
 *
 * Every metric carries the dimension `service` (the deployment's name, which a stage prefixes), and at most
 * one more. CloudWatch bills each combination, so a dimension has a closed or a capped set of values.
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
  /** A connection's name, or `other`: see `connectionDimension`. */
  readonly Connection: string;
}
export type MetricDimension = keyof MetricDimensions;

interface Metric {
  readonly name: string;
  readonly unit: 'Count' | 'Milliseconds' | 'Seconds';
  readonly dimension?: MetricDimension;
}

export const METRICS = {
  /** Every answered request of a caller, over HTTPS and by direct invoke, whatever came of it. */
  requests: { name: 'Requests', unit: 'Count' },
  tokensServed: { name: 'TokensServed', unit: 'Count', dimension: 'Source' },
  /** Every error answer, by the wire contract's code. */
  errors: { name: 'Errors', unit: 'Count', dimension: 'Code' },
  vendorCalls: { name: 'VendorCalls', unit: 'Count', dimension: 'Connection' },
  /** Calls that ended as `vendor_rejected` or `vendor_unavailable`. */
  vendorErrors: { name: 'VendorErrors', unit: 'Count', dimension: 'Connection' },
  vendorLatency: { name: 'VendorLatency', unit: 'Milliseconds', dimension: 'Connection' },
  /** Calls that the vendor refused definitively, all connections together: what the alarm counts. */
  vendorRejections: { name: 'VendorRejections', unit: 'Count' },
  /** Time spent waiting for another worker's mint. */
  leaseWait: { name: 'LeaseWait', unit: 'Milliseconds' },
  /** A failing cache that was treated as a miss. */
  cacheFailures: { name: 'CacheFailures', unit: 'Count' },
  refreshes: { name: 'Refreshes', unit: 'Count' },
  /** Written each time a refresh leaves a grant in doubt, hence repeatedly while it stays so. */
  grantsInDoubt: { name: 'GrantsInDoubt', unit: 'Count' },
  consentRequired: { name: 'ConsentRequired', unit: 'Count' },
  unreadableValues: { name: 'UnreadableValues', unit: 'Count' },
  /** One per finished sweep. */
  sweeps: { name: 'Sweeps', unit: 'Count' },
  /** Grants that a sweep could not renew. */
  sweepFailures: { name: 'SweepFailures', unit: 'Count' },
  /** Due grants that a sweep left for the next one. */
  sweepBacklog: { name: 'SweepBacklog', unit: 'Count' },
  /** How long the most overdue grant of a sweep had been due. */
  sweepAge: { name: 'SweepAge', unit: 'Seconds' },
  /** Life left in the access token that ends first, among the grants that a sweep has seen. */
  soonestExpiry: { name: 'SoonestExpiry', unit: 'Seconds' },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof METRICS;

/** How many connections are told apart; the rest are counted together. */
export const CONNECTIONS_TOLD_APART = 10;
export const OTHER_CONNECTIONS = 'other';

/**
 * The `Connection` dimension of each connection: the first ten of the file by name, the rest as `other`, so
 * that a hundred connections do not make three hundred billed metrics.
 */
export function connectionDimension(connections: readonly string[]): (connection: string) => string {
  const toldApart = new Set(connections.slice(0, CONNECTIONS_TOLD_APART));
  return (connection) => (toldApart.has(connection) ? connection : OTHER_CONNECTIONS);
}
