/** What wakes somebody. They count the broker's own codes, not Lambda's errors: an answer is no fault. */
import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmBase,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type AlarmSpec, faultShare, specifications, type Watched } from './alarm-specifications.ts';
import { FIVE_MINUTES } from './metrics.ts';

/** Answers that are not the deployment's own fault, as a share of all: 43 minutes of full outage a month. */
const OBJECTIVE = 0.999;
/** At this multiple of the tolerable rate of faults, a thirty-day budget is gone in two days. */
const BURN_RATE = 14.4;

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
    this.#notify(this.#burnRate(props));
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

  /** Two windows: the long one says that it matters, the short one that it still goes on. */
  #burnRate(props: AlarmsProps): CompositeAlarm {
    const windows = [Duration.hours(1), FIVE_MINUTES].map((period) =>
      this.#alarm(`BurnRate${period.toMinutes()}Minutes`, {
        metric: faultShare(props, period),
        threshold: BURN_RATE * (1 - OBJECTIVE),
        description: `Share of own faults over ${period.toMinutes()} minutes; part of the availability alarm.`,
      }),
    );
    return new CompositeAlarm(this, 'Availability', {
      alarmDescription:
        'The error budget of 99.9 % burns 14 times too fast. Open the dashboard: "Errors by code" names the fault, and the log of the HTTPS function the requests.',
      alarmRule: AlarmRule.allOf(...windows.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))),
    });
  }

  #notify(alarm: AlarmBase): void {
    if (this.#topic) alarm.addAlarmAction(new SnsAction(this.#topic));
  }
}
