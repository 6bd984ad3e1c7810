/** One page that answers: are tokens flowing, and if not, whose fault is it? */
import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  Row,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { ERROR_CODES } from '../../shared/contract/errors.ts';
import type { TokenOrigin } from '../../shared/contract/messages.ts';
import type { Watched } from './alarm-specifications.ts';
import { FIVE_MINUTES } from './metrics.ts';

interface DashboardProps extends Watched {
  readonly name: string;
  readonly alarms: readonly Alarm[];
}

const SIZE = { width: 8, height: 6 };

const SOURCES = ['memory', 'table', 'vendor'] as const satisfies TokenOrigin[];

export function createDashboard(scope: Construct, props: DashboardProps): Dashboard {
  const dashboard = new Dashboard(scope, 'Dashboard', {
    dashboardName: props.name,
    defaultInterval: Duration.hours(3),
  });
  for (const row of [...answers(props), ...connections(props), ...grants(props), ...machinery(props)]) {
    dashboard.addWidgets(row);
  }
  return dashboard;
}

function answers({ metrics, alarms }: DashboardProps): Row[] {
  const codes = Object.keys(ERROR_CODES).map((code) => metrics.read('errors', { of: code }));
  const status = new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 4 });
  return [
    ...(alarms.length > 0 ? [new Row(status)] : []),
    new Row(
      new GraphWidget({
        title: 'Tokens served, by source, of all requests',
        left: SOURCES.map((source) => metrics.read('tokensServed', { of: source })),
        right: [metrics.read('requests')],
        stacked: true,
        period: FIVE_MINUTES,
        ...SIZE,
      }),
      graph('Errors by code', codes, true),
      graph('What alarms count', [
        metrics.read('ownFaults'),
        metrics.read('answeredErrors'),
        metrics.read('vendorRejections'),
        metrics.read('cacheFailures'),
      ]),
    ),
  ];
}

/** Asked of the logs: a metric for each connection would cost more than all the rest. */
function connections(props: DashboardProps): Row[] {
  return [
    heading('Connections, from the logs'),
    new Row(
      query(props, 'Requests', 'audit', [
        'stats count(*) as requests, sum(strcontains(event.outcome, "success")) as served, sum(strcontains(event.source, "vendor")) as minted, pct(event.duration, 99) as p99_ms by event.connection',
        'sort requests desc',
      ]),
      query(props, 'Vendor calls', 'vendor_call', [
        'stats count(*) as calls, sum(strcontains(event.outcome, "vendor_rejected")) as refused, sum(strcontains(event.outcome, "vendor_unavailable")) as unavailable, pct(event.duration, 99) as p99_ms by event.connection, event.purpose',
        'sort calls desc',
      ]),
      query(props, 'Waiting for another worker', 'lease_wait', [
        'stats count(*) as waits, pct(event.duration, 50) as p50_ms, pct(event.duration, 99) as p99_ms by event.connection',
        'sort waits desc',
      ]),
    ),
    new Row(
      query(props, 'Answers that failed', 'audit', [
        'filter event.outcome != "success"',
        'stats count(*) as answers, latest(event.vendorError) as vendor_error, latest(event.detail) as detail by event.connection, event.outcome',
        'sort answers desc',
      ]),
      query(props, 'Grants', 'grant', [
        'stats count(*) as times, latest(event.subject) as last_subject by event.connection, event.change',
        'sort times desc',
      ]),
      query(
        props,
        'Calls to vendors, every five minutes',
        'vendor_call',
        ['stats count(*) by bin(5m)'],
        LogQueryVisualizationType.LINE,
      ),
    ),
  ];
}

function grants(props: DashboardProps): Row[] {
  const { metrics } = props;
  return [
    heading('Grants'),
    new Row(
      graph('Doubts, consents wanted, values that do not open', [
        metrics.read('grantsInDoubt'),
        metrics.read('consentRequired'),
        metrics.read('grantsExpiring'),
        metrics.read('unreadableValues'),
      ]),
      graph('Sweeps: grants not renewed, most overdue (s)', [
        metrics.read('sweepFailures'),
        metrics.read('sweepAge', { statistic: 'Maximum' }),
      ]),
      query(props, 'Sweeps', 'sweep', [
        'stats count(*) as sweeps, sum(event.renewed) as renewed, sum(event.failed) as failed, max(event.backlog) as backlog, min(event.soonestExpiry) as soonest_expiry_s by bin(15m)',
        'sort @timestamp desc',
      ]),
    ),
  ];
}

function machinery({ functions, api, tables }: DashboardProps): Row[] {
  const settings = { period: FIVE_MINUTES, statistic: 'Sum' };
  const throttles = [tables.tokens, tables.grants].flatMap((table) =>
    ['ReadThrottleEvents', 'WriteThrottleEvents'].map((name) => table.metric(name, settings)),
  );
  return [
    heading('Lambda, API Gateway, DynamoDB'),
    new Row(
      graph(
        'Lambda errors (an error answer to a direct invoke is one too)',
        functions.all.map((fn) => fn.function.metricErrors(settings)),
      ),
      graph(
        'Lambda throttles',
        functions.all.map((fn) => fn.function.metricThrottles(settings)),
      ),
      graph(
        'Lambda duration (p99)',
        functions.all.map((fn) => fn.function.metricDuration({ period: FIVE_MINUTES, statistic: 'p99' })),
      ),
    ),
    new Row(
      graph('API requests', [
        api.metricCount(settings),
        api.metricClientError(settings),
        api.metricServerError(settings),
      ]),
      graph('API latency (p99, ms)', [api.metricLatency({ period: FIVE_MINUTES, statistic: 'p99' })]),
      graph('Table throttles', throttles),
    ),
  ];
}

function heading(markdown: string): Row {
  return new Row(new TextWidget({ markdown: `## ${markdown}`, width: 24, height: 1 }));
}

function graph(title: string, left: IMetric[], stacked = false): GraphWidget {
  return new GraphWidget({ title, left, stacked, period: FIVE_MINUTES, ...SIZE });
}

/** @param message of the log lines: an event's type */
function query(
  { functions }: DashboardProps,
  title: string,
  message: string,
  lines: readonly string[],
  view = LogQueryVisualizationType.TABLE,
): IWidget {
  return new LogQueryWidget({
    title,
    logGroupNames: functions.brokers.map(({ logGroup }) => logGroup.logGroupName),
    queryLines: [`filter message = "${message}"`, ...lines],
    view,
    ...SIZE,
  });
}
