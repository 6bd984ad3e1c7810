/** What each alarm counts, and what to do about it. */
import { Duration } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { type IMetric, MathExpression, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { GRANTS_TABLE } from '../../shared/contract/tables.ts';
import type { BrokerFunctions } from '../broker-functions.ts';
import type { BrokerFunction } from '../functions.ts';
import { type BrokerMetrics, FIVE_MINUTES } from './metrics.ts';

export interface Watched {
  readonly metrics: BrokerMetrics;
  readonly functions: BrokerFunctions;
  readonly api: HttpApi;
  readonly tables: { readonly tokens: ITable; readonly grants: ITable };
  readonly deadLetters: IQueue;
}

export interface AlarmSpec {
  readonly metric: IMetric;
  readonly description: string;
  /** Rings at this value or beyond. */
  readonly threshold?: number;
  /** Of the last `of` periods so many must be beyond it; default one of one. */
  readonly periods?: number;
  readonly of?: number;
  readonly below?: boolean;
  readonly missing?: TreatMissingData;
}

/** Those without which something stays broken and nobody knows. */
export function essentialAlarms(watched: Watched): Record<string, AlarmSpec> {
  const { metrics, functions, api, deadLetters } = watched;
  return {
    ConsentRequired: {
      metric: metrics.read('consentRequired'),
      description:
        'A vendor ended a grant: callers of that subject get consent_required. Find it in the log ("consent_required"), then have its owner consent again.',
    },
    GrantInDoubt: {
      // A refresh is tried again after 1, 2, 4 ... 60 minutes: three in a row would never come of one grant.
      metric: metrics.read('grantsInDoubt', { period: Duration.minutes(10) }),
      periods: 3,
      of: 18,
      description:
        'For half an hour some refresh has had no readable answer. See "Vendor calls": once the vendor answers, the sweep settles it by itself. Do not revoke the grant meanwhile.',
    },
    UnreadableValue: {
      metric: metrics.read('unreadableValues'),
      description:
        "A sealed value does not open: the keyring was replaced, or an item was moved or rolled back. Compare the keyring secret's versions (AWSPREVIOUS) and restore; nothing is overwritten meanwhile.",
    },
    VendorRejecting: {
      // Hours, so that a connection which is called hourly or nightly is seen; two, so that a caller's one slip is not.
      metric: metrics.read('vendorRejections', { period: Duration.hours(1) }),
      periods: 2,
      of: 30,
      description:
        'A vendor has refused in two hours of the last thirty. The log names connection and vendor_error; invalid_client means that the client secret is wrong: put the right value, which is tried within 10 seconds.',
    },
    SweepFailing: {
      metric: metrics.read('sweepFailures', { period: Duration.minutes(10) }),
      periods: 3,
      of: 18,
      description:
        'For half an hour sweeps could not renew some grant. The log of the refresh function names it and says why.',
    },
    SweepLate: {
      metric: functions.refresh.function.metricInvocations({ period: FIVE_MINUTES, statistic: 'Sum' }),
      below: true,
      periods: 3,
      of: 3,
      missing: TreatMissingData.BREACHING,
      description:
        'No sweep has run for a quarter of an hour, so tokens of grants run out. Look at the schedules and the concurrency of the refresh function.',
    },
    DeadLetters: {
      metric: deadLetters.metricApproximateNumberOfMessagesVisible({
        period: FIVE_MINUTES,
        statistic: 'Maximum',
      }),
      description:
        'An asynchronous call was given up: a sweep that crashed twice, or a caller that invokes the broker asynchronously. Read the message in the queue and the log of the refresh function; a message of a sweep can be deleted.',
    },
    OwnFaults: {
      metric: metrics.read('ownFaults'),
      description:
        'The broker answered 5xx of its own making. "Errors by code" on the dashboard says which: secret_unavailable names the secret to put, store_unavailable points at DynamoDB or the key.',
    },
    Crashed: {
      metric: crashes(watched),
      description:
        'A function that callers or browsers wait for crashed, ran out of time or memory, or did not start. Its log says which, at the end of the request that has no audit record.',
    },
    ServerErrors: {
      metric: api.metricServerError({ period: FIVE_MINUTES, statistic: 'Sum' }),
      threshold: 5,
      periods: 3,
      of: 3,
      description:
        'For a quarter of an hour callers have got 5xx over HTTPS: a vendor is down or refuses, or API Gateway cannot reach the function. "Errors by code" says which; if it shows nothing, the access log names the integration error.',
    },
    RotationFailing: {
      metric: errorsOf(functions.sealingKey),
      description:
        'The sealing keyring could not be rotated. Its old keys stay in use and nothing is lost; the log of the sealing-key function says why.',
    },
  };
}

/** Those that say why the others ring, or that they soon will. */
export function furtherAlarms(watched: Watched): Record<string, AlarmSpec> {
  return {
    SweepBacklog: {
      metric: watched.metrics.read('sweepAge', { statistic: 'Maximum' }),
      threshold: 600,
      periods: 3,
      of: 3,
      description:
        'Some grant has been due for over ten minutes: sweeps do not keep up. Raise `shards`, or see which vendor is slow.',
    },
    GrantExpiring: {
      // As often as its access tokens are renewed, which may be once a day.
      metric: watched.metrics.read('grantsExpiring', { period: Duration.days(1) }),
      description:
        'The refresh token of some grant ends within a week, or is not renewed before it idles out. `token-broker grants CONNECTION` shows whose; have its owner consent again (`token-broker connect CONNECTION --subject SUBJECT --replace`), or see why the sweep fails.',
    },
    Throttled: {
      metric: throttles(watched),
      description:
        "Lambda or DynamoDB turned requests away. Raise the account's Lambda concurrency or the table's limits, or see which caller asks too often: a caller keeps its token until expires_in.",
    },
  };
}

/**
 * Crashes never reach our own metrics. Over HTTPS every error that Lambda counts is one; a direct invoke answers in
 * errors, so those that were answered are taken off.
 */
function crashes({ metrics, functions: { https, callback, invoke } }: Watched): IMetric {
  const period = Duration.minutes(15);
  const answered = new MathExpression({
    expression: '-1 * answered',
    usingMetrics: { answered: metrics.read('answeredErrors', { period }) },
    period,
  });
  const errors = [https, callback, invoke].map((fn) => errorsOf(fn, period));
  return sum([...errors, answered], 'Crashes', period);
}

/**
 * DynamoDB's alarms keep their state while data is missing, whatever they are told, so that one throttled request
 * would ring for good. The sweep's invocations are always there, and carry the sum through to zero.
 */
function throttles({ functions, tables }: Watched): IMetric {
  const counted = { period: FIVE_MINUTES, statistic: 'Sum' };
  const due = (metricName: string) =>
    new Metric({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensionsMap: {
        TableName: tables.grants.tableName,
        GlobalSecondaryIndexName: GRANTS_TABLE.index.name,
      },
      ...counted,
    });
  const beat = functions.refresh.function.metricInvocations(counted);
  const metrics = [
    functions.https.function.metricThrottles(counted),
    functions.invoke.function.metricThrottles(counted),
    tables.tokens.metric('WriteThrottleEvents', counted),
    tables.grants.metric('WriteThrottleEvents', counted),
    due('ReadThrottleEvents'),
    due('WriteThrottleEvents'),
  ];
  return new MathExpression({
    expression: 'all - beat',
    usingMetrics: { all: sum([...metrics, beat], 'All', FIVE_MINUTES), beat },
    label: 'Throttles',
    period: FIVE_MINUTES,
  });
}

function errorsOf({ function: fn }: BrokerFunction, period = FIVE_MINUTES): IMetric {
  return fn.metricErrors({ period, statistic: 'Sum' });
}

/**
 * `SUM` of an array takes what is there, whereas with `+` one series that was never published leaves nothing, and
 * `FILL` has nothing to fill.
 */
function sum(series: readonly IMetric[], label: string, period: Duration): MathExpression {
  const usingMetrics = Object.fromEntries(
    series.map((each, index) => [`${label.toLowerCase()}${index}`, each]),
  );
  const expression = `SUM([${Object.keys(usingMetrics).join(', ')}])`;
  return new MathExpression({ expression, usingMetrics, label, period });
}
