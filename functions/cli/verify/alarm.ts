/** One alarm is set by hand, seen to ring, and put back. */
import { callJson } from '../aws.ts';
import { ok, problem, skipped } from '../doctor/check.ts';
import { eventually, idsOf, type LiveCheck, orRefused, type Run } from './run.ts';

interface Alarm {
  readonly AlarmName: string;
  readonly StateValue: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  readonly AlarmActions?: readonly string[];
}

const CHECK = 'alarm';

export const checkAlarm: LiveCheck = (run) =>
  orRefused(CHECK, async () => {
    const names = idsOf(run, 'AWS::CloudWatch::Alarm');
    // At most 100 names a call.
    const alarms = names.length === 0 ? [] : await describe(run, names.slice(0, 100));
    const calm = alarms.filter(({ StateValue }) => StateValue !== 'ALARM');
    const alarm = calm.find(({ AlarmActions = [] }) => AlarmActions.length > 0);
    if (alarm) return [await ring(run, alarm)];
    if (alarms.length === 0) return [skipped(CHECK, 'the stack has none')];
    if (calm.length === 0) return [problem(CHECK, 'every alarm rings already', 'token-broker doctor')];
    return [problem(CHECK, 'no alarm tells anybody', 'Deploy with -c alarm-email=ADDRESS, or a topic.')];
  });

async function ring(run: Run, { AlarmName, StateValue }: Alarm) {
  const StateReason = `token-broker verify ${run.id}`;
  const since = Date.now();
  const set = async (value: Alarm['StateValue']) => {
    await callJson(run.target.aws, 'monitoring', 'SetAlarmState', {
      AlarmName,
      StateValue: value,
      StateReason,
    });
  };
  run.undo(`the state of ${AlarmName}`, () => set(StateValue));
  await set('ALARM');
  const rung = await eventually(run, () => actionOf(run, AlarmName, since));
  if (rung === undefined)
    return problem(CHECK, `${AlarmName} was set and ran no action`, 'Look at its history in CloudWatch.');
  if (/^Successfully executed action/.test(rung)) return ok(CHECK, `${AlarmName} was set and rang`);
  return problem(
    CHECK,
    `${AlarmName}: ${rung}`,
    'Check the topic’s policy and that its key admits CloudWatch.',
  );
}

async function describe({ target }: Run, AlarmNames: readonly string[]): Promise<readonly Alarm[]> {
  const { MetricAlarms } = await callJson(target.aws, 'monitoring', 'DescribeAlarms', {
    AlarmNames,
    MaxRecords: 100,
  });
  return (MetricAlarms ?? []) as Alarm[];
}

/** What the history says of the action: its state need not last, as the alarm evaluates its metric again. */
async function actionOf({ target }: Run, AlarmName: string, since: number): Promise<string | undefined> {
  const { AlarmHistoryItems } = await callJson(target.aws, 'monitoring', 'DescribeAlarmHistory', {
    AlarmName,
    HistoryItemType: 'Action',
    StartDate: Math.floor(since / 1000),
  });
  return ((AlarmHistoryItems ?? []) as { HistorySummary?: string }[])[0]?.HistorySummary;
}
