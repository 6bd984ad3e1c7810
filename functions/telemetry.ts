/**
 * How events become logs and metrics: structured JSON, and CloudWatch's embedded metric format in the same
 * stream. An event holds nothing secret, so it is logged as it is.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import type { AuditRecord, BrokerEvent, Observe } from '../shared/broker/events.ts';
import {
  connectionDimension,
  METRICS,
  METRICS_NAMESPACE,
  type MetricName,
  SERVICE,
} from '../shared/contract/metrics.ts';
import { ENVIRONMENT } from '../shared/contract/names.ts';

export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly observe: Observe;
}

type Level = 'info' | 'warn' | 'error';
type GrantChange = Extract<BrokerEvent, { type: 'grant' }>['change'];

/** Answers that a device flow consists of (RFC 8628 §3.5); no vendor is at fault. */
const NO_FAULT = new Set(['authorization_pending', 'slow_down']);

const GRANT_LEVELS: Partial<Record<GrantChange, Level>> = {
  in_doubt: 'warn',
  rescued: 'warn',
  superseded: 'warn',
  consent_failed: 'warn',
  consent_required: 'error',
};
const GRANT_METRICS: Partial<Record<GrantChange, MetricName>> = {
  refreshed: 'refreshes',
  in_doubt: 'grantsInDoubt',
  consent_required: 'consentRequired',
};

/** @param connections names, in the file's order: the first get a metric dimension of their own */
export function telemetry(
  connections: readonly string[],
  serviceName = process.env[ENVIRONMENT.serviceName] ?? SERVICE,
): Telemetry {
  const logger = new Logger({ serviceName });
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName });
  const dimensionOf = connectionDimension(connections);

  /** A metric with a dimension is published on its own, since dimensions belong to a whole set. */
  function count(name: MetricName, value: number, dimension?: string): void {
    const metric: { name: string; unit: 'Count' | 'Milliseconds' | 'Seconds'; dimension?: string } =
      METRICS[name];
    if (metric.dimension === undefined || dimension === undefined) {
      metrics.addMetric(metric.name, metric.unit, value);
      return;
    }
    const single = metrics.singleMetric();
    single.addDimension(metric.dimension, dimension);
    single.addMetric(metric.name, metric.unit, value);
  }

  function observe(event: BrokerEvent): void {
    const { type: message, ...details } = event;
    logger[levelOf(event)](message, { event: details });
    measure(event);
  }

  function measure(event: BrokerEvent): void {
    switch (event.type) {
      case 'audit':
        measureAudit(event);
        break;
      case 'vendor_call':
        measureVendorCall(event);
        break;
      case 'lease_wait':
        count('leaseWait', event.duration);
        break;
      case 'cache_failed':
        count('cacheFailures', 1);
        break;
      case 'unreadable_value':
        count('unreadableValues', 1);
        break;
      case 'grant': {
        const name = GRANT_METRICS[event.change];
        if (name) count(name, 1);
        break;
      }
      case 'sweep':
        measureSweep(event);
    }
  }

  function measureAudit(record: AuditRecord): void {
    count('requests', 1);
    if (record.outcome !== 'success') count('errors', 1, record.outcome);
    else if (record.source) count('tokensServed', 1, record.source);
  }

  function measureVendorCall(call: Extract<BrokerEvent, { type: 'vendor_call' }>): void {
    const dimension = dimensionOf(call.connection);
    count('vendorCalls', 1, dimension);
    count('vendorLatency', call.duration, dimension);
    if (call.outcome === 'success' || NO_FAULT.has(call.vendorError ?? '')) return;
    count('vendorErrors', 1, dimension);
    if (call.outcome === 'vendor_rejected') count('vendorRejections', 1);
  }

  function measureSweep(sweep: Extract<BrokerEvent, { type: 'sweep' }>): void {
    count('sweeps', 1);
    count('sweepFailures', sweep.failed);
    count('sweepBacklog', sweep.backlog);
    count('sweepAge', sweep.age);
    if (sweep.soonestExpiry !== undefined) count('soonestExpiry', sweep.soonestExpiry);
  }

  return { logger, metrics, observe };
}

function levelOf(event: BrokerEvent): Level {
  if (event.type === 'audit') return event.outcome === 'success' ? 'info' : 'warn';
  if (event.type === 'grant') return GRANT_LEVELS[event.change] ?? 'info';
  if (event.type === 'unreadable_value') return 'error';
  return event.type === 'cache_failed' ? 'warn' : 'info';
}
