/**
 * How events become logs and metrics: structured JSON, of which the line that ends a request (its audit record) or
 * a sweep carries the metrics as well, in CloudWatch's embedded metric format. An event holds nothing secret, so it
 * is logged as it is.
 */
import { DIRECT_INVOKER } from '../shared/broker/caller.ts';
import type { AuditRecord, BrokerEvent, Observe } from '../shared/broker/events.ts';
import { type MetricDimensions, type MetricName, OWN_FAULTS, SERVICE } from '../shared/contract/metrics.ts';
import { ENVIRONMENT } from '../shared/contract/names.ts';
import { MetricSet } from './embedded-metrics.ts';
import { type Level, Log } from './log.ts';

export interface Telemetry {
  readonly log: Log;
  readonly observe: Observe;
  /** An invocation is answered in an error, which Lambda counts like a crash. */
  failed(): void;
  /** Writes what no line has carried yet, at the end of an invocation. */
  flush(): void;
}

type GrantChange = Extract<BrokerEvent, { type: 'grant' }>['change'];

const GRANT_LEVELS: Partial<Record<GrantChange, Level>> = {
  in_doubt: 'WARN',
  rescued: 'WARN',
  superseded: 'WARN',
  consent_failed: 'WARN',
  expiring: 'WARN',
  consent_required: 'ERROR',
};
const GRANT_METRICS: Partial<Record<GrantChange, MetricName>> = {
  in_doubt: 'grantsInDoubt',
  consent_required: 'consentRequired',
  expiring: 'grantsExpiring',
};

/** Answers that a device flow consists of (RFC 8628 §3.5); no vendor is at fault. */
const NO_FAULT = new Set(['authorization_pending', 'slow_down']);

/** Seconds. A grant that a sweep of every minute renews in its time is no news, and no billed metric. */
const LATE = 120;

export function telemetry(serviceName = process.env[ENVIRONMENT.serviceName] ?? SERVICE): Telemetry {
  const log = new Log(serviceName);
  let metrics = new MetricSet();
  /** Whether the error that this invocation ends in has been counted with its audit record. */
  let answered = false;

  function observe(event: BrokerEvent): void {
    const { type: message, ...details } = event;
    const dimensions = measure(event);
    const carried = dimensions ? take(dimensions) : {};
    log.write(levelOf(event), message, { event: details, ...carried });
  }

  /** @returns dimensions beside the service, if the event's line carries the metrics */
  function measure(event: BrokerEvent): Partial<MetricDimensions> | undefined {
    switch (event.type) {
      case 'audit':
        return measureAudit(event);
      case 'sweep':
        return measureSweep(event);
      case 'vendor_call':
        if (event.outcome === 'vendor_rejected' && !NO_FAULT.has(event.vendorError ?? ''))
          metrics.count('vendorRejections');
        return undefined;
      case 'cache_failed':
        metrics.count('cacheFailures');
        return undefined;
      case 'unreadable_value':
        metrics.count('unreadableValues');
        return undefined;
      case 'grant': {
        const name = GRANT_METRICS[event.change];
        if (name) metrics.count(name);
        return undefined;
      }
      case 'lease_wait':
        return undefined;
    }
  }

  function measureAudit({ outcome, source, principal }: AuditRecord): Partial<MetricDimensions> {
    metrics.count('requests');
    if (outcome === 'success') {
      if (source) metrics.count('tokensServed');
      return source ? { Source: source } : {};
    }
    metrics.count('errors');
    if (OWN_FAULTS.has(outcome)) metrics.count('ownFaults');
    if (principal === DIRECT_INVOKER.arn) failed();
    return { Code: outcome };
  }

  function measureSweep({ failed: failures, age }: Extract<BrokerEvent, { type: 'sweep' }>) {
    if (failures > 0) metrics.count('sweepFailures', failures);
    if (age >= LATE) metrics.count('sweepAge', age);
    return {};
  }

  function failed(): void {
    if (!answered) metrics.count('answeredErrors');
    answered = true;
  }

  function take(dimensions: Partial<MetricDimensions>): Record<string, unknown> {
    const taken = metrics.embedded(dimensions);
    metrics = new MetricSet();
    return taken;
  }

  function flush(): void {
    answered = false;
    if (!metrics.isEmpty) log.write('INFO', 'metrics', take({}));
  }

  return { log, observe, failed, flush };
}

function levelOf(event: BrokerEvent): Level {
  if (event.type === 'audit') return event.outcome === 'success' ? 'INFO' : 'WARN';
  if (event.type === 'grant') return GRANT_LEVELS[event.change] ?? 'INFO';
  if (event.type === 'unreadable_value') return 'ERROR';
  return event.type === 'cache_failed' ? 'WARN' : 'INFO';
}
