/** What wakes somebody. They count the broker's own codes, not Lambda's errors: an answer is no fault. */
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type AlarmSpec, essentialAlarms, furtherAlarms, type Watched } from './alarm-specifications.ts';

/** Which alarms: none, those without which something stays broken unseen, or those that explain and warn as well. */
export type AlarmChoice = 'none' | 'essential' | 'all';

interface AlarmsProps extends Watched {
  readonly choice: AlarmChoice;
  readonly topic?: ITopic;
}

export class Alarms extends Construct {
  readonly alarms: Alarm[];

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const chosen = {
      ...(props.choice !== 'none' && essentialAlarms(props)),
      ...(props.choice === 'all' && furtherAlarms(props)),
    };
    this.alarms = Object.entries(chosen).map(([name, spec]) => this.#alarm(name, spec));
    if (!props.topic) return;
    const action = new SnsAction(props.topic);
    for (const alarm of this.alarms) {
      alarm.addAlarmAction(action);
      // Whoever was woken learns that it is over.
      alarm.addOkAction(action);
    }
  }

  #alarm(
    name: string,
    { metric, description, threshold = 1, periods = 1, of = 1, below, missing }: AlarmSpec,
  ): Alarm {
    return new Alarm(this, name, {
      metric,
      alarmDescription: description,
      threshold,
      evaluationPeriods: of,
      datapointsToAlarm: periods,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: missing ?? TreatMissingData.NOT_BREACHING,
    });
  }
}
