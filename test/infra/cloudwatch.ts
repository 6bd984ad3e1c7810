/**
 * CloudWatch's judgement of an alarm as synthesized, for metrics that a test feeds.
 *
 * M of N and missing data as in "Using Amazon CloudWatch alarms" ("Evaluating an alarm", "Configuring how CloudWatch
 * alarms treat missing data", with its exception: AWS/DynamoDB keeps its state), metric math as in "Using metric
 * math": an arithmetic operator has a value where both sides have one, `SUM` of an array where any of its series has.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
import type { Deployed } from './deployed.ts';

/** A published value. */
export interface Sample {
  readonly minute: number;
  /** `Namespace/MetricName` */
  readonly metric: string;
  /** One of the metric's dimension values, where the name alone does not tell. */
  readonly of?: string;
  readonly value?: number;
}

interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}
type Query =
  | { readonly Id: string; readonly Expression: string }
  | { readonly Id: string; readonly MetricStat: { Metric: Metric; Period: number; Stat: Stat } };
type Stat = 'Sum' | 'Maximum';
interface AlarmProperties extends Partial<Metric> {
  readonly Metrics?: readonly (Query & { ReturnData?: boolean })[];
  readonly Period?: number;
  readonly Statistic?: Stat;
  readonly Threshold: number;
  readonly ComparisonOperator: 'GreaterThanOrEqualToThreshold' | 'LessThanThreshold';
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm: number;
  readonly TreatMissingData: 'breaching' | 'notBreaching';
}

/** A series' value in the period that ends at a minute; `undefined`: missing. */
type Series = (end: number) => number | undefined;

export class AlarmJudge {
  readonly #alarm: AlarmProperties;
  readonly #samples: readonly Sample[];
  /** Minutes. */
  readonly #period: number;
  readonly #series: Series;

  constructor(deployed: Deployed, name: string, samples: readonly Sample[]) {
    this.#alarm = deployed.properties(
      'AWS::CloudWatch::Alarm',
      `Alarms${name}`,
    ) as unknown as AlarmProperties;
    this.#samples = samples;
    const { Metrics = [], Period = 0 } = this.#alarm;
    const stats = Metrics.flatMap((query) => ('MetricStat' in query ? [query.MetricStat.Period] : []));
    this.#period = (stats[0] ?? Period) / 60;
    this.#series = this.#watched();
  }

  /** Minutes at whose end the alarm rings, in periods from the first sample's to `until`. */
  ringing(until: number): number[] {
    const { EvaluationPeriods, DatapointsToAlarm, TreatMissingData } = this.#alarm;
    const ends = Array.from(
      { length: Math.floor(until / this.#period) },
      (_, index) => (index + 1) * this.#period,
    );
    let rings = false;
    return ends.filter((end) => {
      // Before the first sample there was nothing to alarm about, so nothing is judged as missing there.
      const range = ends.filter((each) => each <= end).slice(-EvaluationPeriods);
      const points = range.map(this.#series);
      const keepsState = this.#isDynamo && points.every((point) => point === undefined);
      const breaching = points.filter((point) =>
        point === undefined ? TreatMissingData === 'breaching' : this.#breaches(point),
      );
      rings = keepsState ? rings : breaching.length >= DatapointsToAlarm;
      return rings;
    });
  }

  get #isDynamo(): boolean {
    return this.#alarm.Namespace === 'AWS/DynamoDB';
  }

  #breaches(point: number): boolean {
    const { ComparisonOperator, Threshold } = this.#alarm;
    return ComparisonOperator === 'LessThanThreshold' ? point < Threshold : point >= Threshold;
  }

  #watched(): Series {
    const { Metrics, Statistic, ...metric } = this.#alarm;
    if (!Metrics) return this.#published(metric as Metric, Statistic!);
    const returned = Metrics.find(({ ReturnData }) => ReturnData !== false)!;
    return this.#query(returned.Id, Metrics);
  }

  #query(id: string, queries: readonly Query[]): Series {
    const query = queries.find(({ Id }) => Id === id);
    if (!query) throw new Error(`There is no metric ${id}.`);
    if ('MetricStat' in query) return this.#published(query.MetricStat.Metric, query.MetricStat.Stat);
    const operand = (text: string): Series =>
      /^-?\d+$/.test(text) ? () => Number(text) : this.#query(text, queries);
    const [, array] = /^SUM\(\[(.*)\]\)$/.exec(query.Expression) ?? [];
    if (array !== undefined) return summed(array.split(', ').map(operand));
    const [, left, operator, right] = /^(\S+) ([-*]) (\S+)$/.exec(query.Expression) ?? [];
    if (!left || !right) throw new Error(`${query.Expression} is not known here.`);
    const [a, b] = [operand(left), operand(right)];
    return (end) => {
      const [x, y] = [a(end), b(end)];
      if (x === undefined || y === undefined) return undefined;
      return operator === '*' ? x * y : x - y;
    };
  }

  #published({ Namespace, MetricName, Dimensions = [] }: Metric, stat: Stat): Series {
    const values = Dimensions.map(({ Value }) => Value);
    const own = this.#samples.filter(
      ({ metric, of }) =>
        metric === `${Namespace}/${MetricName}` && (of === undefined || values.includes(of)),
    );
    return (end) => {
      const inside = own.filter(({ minute }) => minute < end && minute >= end - this.#period);
      const points = inside.map(({ value = 1 }) => value);
      if (points.length === 0) return undefined;
      return stat === 'Maximum' ? Math.max(...points) : points.reduce((sum, each) => sum + each, 0);
    };
  }
}

function summed(series: readonly Series[]): Series {
  return (end) => {
    const there = series.map((each) => each(end)).filter((value) => value !== undefined);
    return there.length === 0 ? undefined : there.reduce((sum, value) => sum + value, 0);
  };
}
