/**
 * CloudWatch's embedded metric format: members of a log line from which CloudWatch reads metrics.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import {
  METRICS,
  METRICS_NAMESPACE,
  type MetricDimensions,
  type MetricName,
} from '../shared/contract/metrics.ts';

/** What a line says of a metric: its dimensions and its unit. Each for itself, so that none is put together for a line. */
const DIRECTIVES = new Map(
  Object.entries<{ name: string; unit: string; dimension?: string }>(METRICS).map(
    ([key, { name, unit, dimension }]) => [
      key,
      {
        Namespace: METRICS_NAMESPACE,
        Dimensions: [dimension ? ['service', dimension] : ['service']],
        Metrics: [{ Name: name, Unit: unit }],
      },
    ],
  ),
);

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
   * The dimension that every metric has, `service`, is a member of every line of the log.
   */
  embedded(dimensions: Partial<MetricDimensions>, now = Date.now()): Record<string, unknown> {
    if (this.isEmpty) return {};
    const members: Record<string, unknown> = {
      _aws: {
        Timestamp: now,
        CloudWatchMetrics: [...this.#values.keys()].map((name) => DIRECTIVES.get(name)),
      },
      ...dimensions,
    };
    for (const [name, each] of this.#values) members[METRICS[name].name] = each.length > 1 ? each : each[0];
    return members;
  }
}
