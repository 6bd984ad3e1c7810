/** What each alarm counts, and what to do about it. */
import { Duration } from 'aws-cdk-lib';
import { type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { ErrorCode } from '../../shared/contract/errors.ts';
import type { BrokerFunctions } from '../broker-functions.ts';
import { type BrokerMetrics, FIVE_MINUTES, sum } from './metrics.ts';

export interface Watched {
  readonly metrics: BrokerMetrics;
  readonly functions: BrokerFunctions;
  readonly tables: readonly ITable[];
  readonly deadLetters: IQueue;
}

export interface AlarmSpec {
  readonly metric: IMetric;
  readonly description: string;
  /** Rings at this value or beyond. */
  readonly threshold?: number;
  /** Periods in a row. */
  readonly periods?: number;
  readonly below?: boolean;
  readonly missing?: TreatMissingData;
}

/** Codes that are the deployment's own doing, not the caller's or the vendor's. */
const OWN_FAULTS = [
  'internal',
  'secret_unavailable',
  'store_unavailable',
  'busy',
] as const satisfies ErrorCode[];

/** Crashes and time-outs never reach our own metrics; in these functions every Lambda error is one. */
function crashes({ functions }: Watched): IMetric[] {
  return [functions.https, functions.callback].map((fn) =>
    fn.function.metricErrors({ period: FIVE_MINUTES, statistic: 'Sum' }),
  );
}

export function specifications(props: Watched): Record<string, AlarmSpec> {
  const { metrics, functions, tables, deadLetters } = props;
  const own = sum([...metrics.errors(OWN_FAULTS), ...crashes(props)], 'Own faults');
  return {
    ConsentRequired: {
      metric: metrics.read('consentRequired'),
      description:
        'A vendor ended a grant: callers of that subject get consent_required. Find it in the log ("consent_required"), then have its owner consent again.',
    },
    GrantInDoubt: {
      metric: metrics.read('grantsInDoubt', { period: Duration.minutes(10) }),
      periods: 3,
      description:
        'For half an hour some refresh has had no readable answer. See "Vendor errors": once the vendor answers, the sweep settles it by itself. Do not revoke the grant meanwhile.',
    },
    UnreadableValue: {
      metric: metrics.read('unreadableValues'),
      description:
        "A sealed value does not open: the keyring was replaced, or an item was moved or rolled back. Compare the keyring secret's versions (AWSPREVIOUS) and restore; nothing is overwritten meanwhile.",
    },
    VendorRejecting: {
      metric: metrics.read('vendorRejections'),
      periods: 3,
      description:
        'A vendor keeps refusing. The log names connection and vendor_error; invalid_client means that the client secret is wrong: put the right value, which is tried within 10 seconds.',
    },
    SweepFailing: {
      metric: metrics.read('sweepFailures', { period: Duration.minutes(10) }),
      periods: 3,
      description:
        'For half an hour sweeps could not renew some grant. The log of the refresh function names it and says why.',
    },
    SweepLate: {
      metric: metrics.read('sweeps'),
      below: true,
      periods: 3,
      missing: TreatMissingData.BREACHING,
      description:
        "No sweep has finished for a quarter of an hour, so tokens of grants run out. Look at the schedules, the refresh function's errors and throttles, and the dead-letter queue.",
    },
    SweepBacklog: {
      metric: metrics.read('sweepAge', { statistic: 'Maximum' }),
      threshold: 600,
      periods: 3,
      description:
        'Some grant has been due for over ten minutes: sweeps do not keep up. Raise `shards`, or see which vendor is slow.',
    },
    DeadLetters: {
      metric: deadLetters.metricApproximateNumberOfMessagesVisible({
        period: FIVE_MINUTES,
        statistic: 'Maximum',
      }),
      description:
        'An asynchronous call was given up. Read the message in the queue: a sweep repeats itself and can be deleted; anything else is a caller that invokes the broker asynchronously.',
    },
    OwnFaults: {
      metric: own,
      description:
        'The broker answered 5xx of its own making, or crashed. "Errors by code" on the dashboard says which: secret_unavailable names the secret to put, store_unavailable points at DynamoDB or the key.',
    },
    Throttled: {
      metric: sum(
        [
          ...functions.all.map((fn) =>
            fn.function.metricThrottles({ period: FIVE_MINUTES, statistic: 'Sum' }),
          ),
          ...tables.flatMap((table) =>
            ['ReadThrottleEvents', 'WriteThrottleEvents'].map((name) =>
              table.metric(name, { period: FIVE_MINUTES, statistic: 'Sum' }),
            ),
          ),
        ],
        'Throttles',
      ),
      description:
        "Lambda or DynamoDB turned requests away. Raise the account's Lambda concurrency or the table's limits, or see which caller asks too often: a caller keeps its token until expires_in.",
    },
    RotationFailing: {
      metric: functions.sealingKey.function.metricErrors({ period: FIVE_MINUTES, statistic: 'Sum' }),
      description:
        'The sealing keyring could not be rotated. Its old keys stay in use and nothing is lost; the log of the sealing-key function says why.',
    },
  };
}
