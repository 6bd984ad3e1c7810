/** The sweep: one schedule per part of the due index. */
import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleGroup, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct, IConstruct } from 'constructs';
import type { BrokerFunction } from './functions.ts';

/** The scheduler's finest grain. */
const SWEEP_EVERY = Duration.minutes(1);

/**
 * What falls due within this time waits in the sweep for its time, since half a minute is all that a renewal has where
 * it ends the token before it. More than the period: a schedule is met within its minute, not on the second.
 */
const LOOK_AHEAD = Duration.seconds(90);

interface SweepsProps {
  /** Of the group. */
  readonly name: string;
  readonly refresh: BrokerFunction;
  readonly shards: number;
  readonly deadLetters: IQueue;
  /** What a sweep needs, and no reference tells. */
  readonly after: readonly IConstruct[];
}

export function scheduleSweeps(
  scope: Construct,
  { name, refresh, shards, deadLetters, after }: SweepsProps,
): void {
  const scheduleGroup = new ScheduleGroup(scope, 'Sweeps', {
    scheduleGroupName: name,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  // Made here, and not by CDK at the stack's top: a permissions boundary of the broker must reach it.
  const role = new Role(scope, 'SweepsRole', {
    description: 'Token broker: the scheduler invokes the refresh function',
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: {
          'aws:SourceAccount': Aws.ACCOUNT_ID,
          'aws:SourceArn': scheduleGroup.scheduleGroupArn,
        },
      },
    }),
  });
  for (let shard = 0; shard < shards; shard += 1) {
    const sweep = new Schedule(scope, `Sweep-${shard}`, {
      description: `Renews due grants of part ${shard} of ${shards}`,
      scheduleGroup,
      schedule: ScheduleExpression.rate(SWEEP_EVERY),
      target: new LambdaInvoke(refresh.live, {
        role,
        input: ScheduleTargetInput.fromObject({ shard, look_ahead: LOOK_AHEAD.toSeconds() }),
        // The next sweep does what this one could not, so a late or repeated one is of no use.
        retryAttempts: 1,
        maxEventAge: SWEEP_EVERY,
        deadLetterQueue: deadLetters,
      }),
    });
    sweep.node.addDependency(...after);
  }
}
