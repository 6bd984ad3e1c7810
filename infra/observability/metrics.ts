/** CloudWatch's view of the metrics that the functions write, and a few that AWS writes. */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS, METRICS_NAMESPACE, type MetricName } from '../../shared/contract/metrics.ts';

export const FIVE_MINUTES = Duration.minutes(5);

interface Reading {
  /** Value of the metric's own dimension, where it has one. */
  readonly of?: string;
  readonly statistic?: 'Sum' | 'Maximum' | 'Minimum' | 'Average' | 'p50' | 'p99';
  readonly period?: Duration;
  readonly label?: string;
}

/** Reads the metrics of one deployment. */
export class BrokerMetrics {
  readonly #service: string;

  constructor(service: string) {
    this.#service = service;
  }

  read(name: MetricName, { of, statistic = 'Sum', period = FIVE_MINUTES, label }: Reading = {}): Metric {
    const metric: { name: string; dimension?: string } = METRICS[name];
    return new Metric({
      namespace: METRICS_NAMESPACE,
      metricName: metric.name,
      dimensionsMap: {
        service: this.#service,
        ...(metric.dimension && of !== undefined ? { [metric.dimension]: of } : {}),
      },
      statistic,
      period,
      label: label ?? of ?? metric.name,
    });
  }
}
