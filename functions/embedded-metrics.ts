/**
 * CloudWatch's embedded metric format: members of a log line from which CloudWatch reads metrics.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import {
  METRICS,
  METRICS_NAMESPACE,
  type MetricDimension,
  type MetricDimensions,
  type MetricName,
} from '../shared/contract/metrics.ts';

/** The metrics of one log line. */
export class MetricSet {
  readonly #values = new Map<MetricName, number[]>();

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  count(name: MetricName, value = 1): void {
    this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
  }

  /**
   * The line's members: each metric under its own dimensions, whose values are the line's too. Nothing if empty.
   * The dimension that every metric has, `service`, is a member of every line that the logger writes.
   */
  embedded(dimensions: Partial<MetricDimensions>, now = Date.now()): Record<string, unknown> {
    if (this.isEmpty) return {};
    const values = [...this.#values].map(([name, each]) => [
      METRICS[name].name,
      each.length > 1 ? each : each[0],
    ]);
    const directives = Map.groupBy(this.#values.keys(), dimensionOf);
    const CloudWatchMetrics = [...directives].map(([dimension, names]) => ({
      Namespace: METRICS_NAMESPACE,
      Dimensions: [dimension ? ['service', dimension] : ['service']],
      Metrics: names.map((name) => ({ Name: METRICS[name].name, Unit: METRICS[name].unit })),
    }));
    return {
      _aws: { Timestamp: now, CloudWatchMetrics },
      ...dimensions,
      ...Object.fromEntries(values),
    };
  }
}

function dimensionOf(name: MetricName): MetricDimension | undefined {
  const metric: { name: string; dimension?: MetricDimension } = METRICS[name];
  return metric.dimension;
}
