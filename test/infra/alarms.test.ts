/** Each alarm is shown to ring for what it is there for, to be silent for what it is not, and to be over in the end. */
import { expect, test } from 'vitest';
import { AlarmJudge, type Sample } from './cloudwatch.ts';
import { Deployed } from './deployed.ts';
import { synthesize } from './synth.ts';

const deployed = new Deployed(
  synthesize({ props: () => ({ alarms: 'all', alarmEmail: 'oncall@example.com' }) }).template,
);
const names = (view: Deployed) =>
  view.ofType('AWS::CloudWatch::Alarm').map(([id]) => /^BrokerAlarms(.*?)[0-9A-F]{8}$/.exec(id)![1]!);

const DAY = 24 * 60;
/** Tries of a refresh that goes on failing: after 1, 2, 4 ... 60 minutes. */
const BACKOFF = [0, 1, 3, 7, 15, 31, 63, 123];

function at(minutes: readonly number[], metric: string, more: Partial<Sample> = {}): Sample[] {
  return minutes.map((minute) => ({ minute, metric, ...more }));
}
const every = (step: number, from: number, to: number) =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);
const own = (name: string) => `TokenBroker/${name}`;
const lambda = (metric: string, fn: string, minutes: readonly number[], value = 1) =>
  at(minutes, `AWS/Lambda/${metric}`, { of: `token-broker-${fn}`, value });

/** Sweeps go on whatever happens, unless the alarm is about them. */
const SWEEPS = lambda('Invocations', 'refresh', every(1, 0, 3 * DAY));

/** What is published, and the minute by which the alarm rings for it. */
const RINGS: Record<string, [what: string, samples: Sample[], by: number][]> = {
  ConsentRequired: [['one grant', at([2], own('ConsentRequired')), 5]],
  GrantInDoubt: [['one grant that stays in doubt', at(BACKOFF, own('GrantsInDoubt')), 40]],
  UnreadableValue: [['one value', at([2], own('UnreadableValues')), 5]],
  VendorRejecting: [
    ['a connection that is called hourly', at([10, 70], own('VendorRejections')), 120],
    ['one that is called nightly', at([10, 10 + DAY], own('VendorRejections')), DAY + 60],
    ['one that is called all the time', at(every(1, 0, 120), own('VendorRejections')), 120],
  ],
  SweepFailing: [['one grant that keeps failing', at(BACKOFF, own('SweepFailures')), 40]],
  SweepLate: [['sweeps that stop', lambda('Invocations', 'refresh', every(1, 0, 30)), 45]],
  DeadLetters: [['one message', at([2], 'AWS/SQS/ApproximateNumberOfMessagesVisible'), 5]],
  OwnFaults: [['one answer', at([2], own('OwnFaults')), 5]],
  Crashed: [
    [
      'a time-out of a direct invoke, where none was ever answered in an error',
      lambda('Errors', 'invoke', [2]),
      15,
    ],
    [
      'a crash among errors that were answered',
      [...lambda('Errors', 'invoke', [2], 4), ...at([2], own('AnsweredErrors'), { value: 3 })],
      15,
    ],
    ['a crash over HTTPS, where nothing else was ever called', lambda('Errors', 'https', [2]), 15],
    ['a crash of the public function', lambda('Errors', 'callback', [2]), 15],
  ],
  ServerErrors: [['a vendor that is down', at(every(1, 0, 15), 'AWS/ApiGateway/5xx'), 15]],
  RotationFailing: [['one rotation', lambda('Errors', 'sealing-key', [2]), 5]],
  SweepBacklog: [['a grant that stays due', at(every(1, 0, 15), own('SweepAge'), { value: 700 }), 15]],
  GrantExpiring: [['one grant, seen once a day', at([2], own('GrantsExpiring')), DAY]],
  Throttled: [
    ['the index of due grants', at([2], 'AWS/DynamoDB/WriteThrottleEvents', { of: 'due' }), 5],
    ['direct invokes', lambda('Throttles', 'invoke', [2]), 5],
  ],
};

const SILENT: Record<string, [what: string, samples: Sample[]][]> = {
  GrantInDoubt: [['a refresh that is answered at the second try', at([0, 1], own('GrantsInDoubt'))]],
  VendorRejecting: [["a caller's one slip", at([10, 11, 12], own('VendorRejections'))]],
  Crashed: [
    [
      'direct invokes that are answered in errors',
      [...lambda('Errors', 'invoke', [2, 3]), ...at([2, 3], own('AnsweredErrors'))],
    ],
    ['sweeps that throw, which have alarms of their own', lambda('Errors', 'refresh', [2])],
  ],
  ServerErrors: [['one call that a vendor did not answer', at([2, 3], 'AWS/ApiGateway/5xx')]],
  SweepBacklog: [['a sweep that was late once', at([2], own('SweepAge'), { value: 700 })]],
};

const cases = Object.entries(RINGS).flatMap(([alarm, each]) =>
  each.map(([what, samples, by]) => ({
    alarm,
    what,
    by,
    samples: alarm === 'SweepLate' ? samples : [...SWEEPS, ...samples],
  })),
);

test('every alarm is shown to ring below', () => {
  expect(names(deployed).toSorted()).toEqual(Object.keys(RINGS).toSorted());
});

test.each(cases)('$alarm rings for $what', ({ alarm, samples, by }) => {
  const ringing = new AlarmJudge(deployed, alarm, samples).ringing(3 * DAY);
  expect(ringing[0]).toBeLessThanOrEqual(by);
  // What is over is over, and says so; sweeps that have stopped are not.
  if (alarm !== 'SweepLate') expect(ringing.at(-1)).toBeLessThan(3 * DAY);
});

test.each(
  Object.entries(SILENT).flatMap(([alarm, each]) =>
    each.map(([what, samples]) => ({ alarm, what, samples })),
  ),
)('$alarm is silent for $what', ({ alarm, samples }) => {
  expect(new AlarmJudge(deployed, alarm, [...SWEEPS, ...samples]).ringing(3 * DAY)).toEqual([]);
});

test.each(names(deployed))('%s is silent where nothing happens', (alarm) => {
  expect(new AlarmJudge(deployed, alarm, SWEEPS).ringing(3 * DAY)).toEqual([]);
});

test('an alarm looks back no further than CloudWatch takes: a day, or a week in steps of an hour or more', () => {
  for (const [id] of deployed.ofType('AWS::CloudWatch::Alarm')) {
    const alarm = deployed.properties('AWS::CloudWatch::Alarm', id) as {
      Period?: number;
      Metrics?: { MetricStat?: { Period: number } }[];
      EvaluationPeriods: number;
    };
    const period = alarm.Period ?? alarm.Metrics!.find(({ MetricStat }) => MetricStat)!.MetricStat!.Period;
    expect(period * alarm.EvaluationPeriods).toBeLessThanOrEqual((period < 3600 ? 1 : 7) * 86_400);
  }
});

const untold = new Deployed(synthesize().template);
const told = new Deployed(synthesize({ props: () => ({ alarmEmail: 'oncall@example.com' }) }).template);

test('alarms are there where they reach somebody', () => {
  expect(names(untold)).toEqual([]);
  expect(names(told)).toHaveLength(11);
  expect(names(deployed)).toEqual(expect.arrayContaining(names(told)));
});

test('whoever an alarm has woken learns that it is over', () => {
  for (const [, { Properties }] of deployed.ofType('AWS::CloudWatch::Alarm')) {
    expect(Properties.OKActions).toEqual(Properties.AlarmActions);
    expect(Properties.AlarmActions).toHaveLength(1);
  }
});
