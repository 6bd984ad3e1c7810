/** What wakes somebody. They count the broker's own codes, not Lambda's errors: an answer is no fault. */
import { Alarm, type AlarmBase, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type AlarmSpec, specifications, type Watched } from './alarm-specifications.ts';

interface AlarmsProps extends Watched {
  readonly topic?: ITopic;
}

export class Alarms extends Construct {
  readonly alarms: AlarmBase[] = [];
  readonly #topic: ITopic | undefined;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.#topic = props.topic;
    for (const [name, spec] of Object.entries(specifications(props))) this.#notify(this.#alarm(name, spec));
  }

  #alarm(
    name: string,
    { metric, description, threshold = 1, periods = 1, below, missing }: AlarmSpec,
  ): Alarm {
    const alarm = new Alarm(this, name, {
      metric,
      alarmDescription: description,
      threshold,
      evaluationPeriods: periods,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: missing ?? TreatMissingData.NOT_BREACHING,
    });
    this.alarms.push(alarm);
    return alarm;
  }

  #notify(alarm: AlarmBase): void {
    if (this.#topic) alarm.addAlarmAction(new SnsAction(this.#topic));
  }
}
