/** One page that answers: are tokens flowing, and if not, whose fault is it? */
import { Duration } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  type AlarmBase,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  Row,
  SingleValueWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { ERROR_CODES } from '../../shared/contract/errors.ts';
import type { TokenOrigin } from '../../shared/contract/messages.ts';
import { connectionDimension } from '../../shared/contract/metrics.ts';
import type { BrokerFunctions } from '../broker-functions.ts';
import { type BrokerMetrics, FIVE_MINUTES } from './metrics.ts';

interface DashboardProps {
  readonly name: string;
  readonly connections: readonly string[];
  readonly metrics: BrokerMetrics;
  readonly functions: BrokerFunctions;
  readonly api: HttpApi;
  readonly tables: readonly ITable[];
  readonly alarms: readonly AlarmBase[];
}

const SIZE = { width: 8, height: 6, period: FIVE_MINUTES };

const SOURCES = ['memory', 'table', 'vendor'] as const satisfies TokenOrigin[];

export function createDashboard(scope: Construct, props: DashboardProps): Dashboard {
  const dashboard = new Dashboard(scope, 'Dashboard', {
    dashboardName: props.name,
    defaultInterval: Duration.hours(3),
  });
  for (const row of [...answers(props), ...vendors(props), ...grants(props), ...machinery(props)]) {
    dashboard.addWidgets(row);
  }
  return dashboard;
}

function answers({ metrics, alarms }: DashboardProps): Row[] {
  const codes = Object.keys(ERROR_CODES).map((code) => metrics.read('errors', { of: code }));
  return [
    new Row(new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 4 })),
    new Row(
      new GraphWidget({
        title: 'Tokens served, by source, of all requests',
        left: SOURCES.map((source) => metrics.read('tokensServed', { of: source })),
        right: [metrics.read('requests')],
        stacked: true,
        ...SIZE,
      }),
      graph('Errors by code', codes, true),
      graph('Waiting for another worker (ms)', [
        metrics.read('leaseWait', { statistic: 'p50', label: 'p50' }),
        metrics.read('leaseWait', { statistic: 'p99', label: 'p99' }),
      ]),
    ),
  ];
}

function vendors({ metrics, connections }: DashboardProps): Row[] {
  const each = [...new Set(connections.map(connectionDimension(connections)))];
  return [
    heading('Vendors'),
    new Row(
      graph(
        'Vendor calls, by connection',
        each.map((of) => metrics.read('vendorCalls', { of })),
      ),
      graph('Vendor errors, by connection', [
        ...each.map((of) => metrics.read('vendorErrors', { of })),
        metrics.read('vendorRejections'),
      ]),
      graph(
        'Vendor latency, by connection (p99, ms)',
        each.map((of) => metrics.read('vendorLatency', { of, statistic: 'p99' })),
      ),
    ),
  ];
}

function grants({ metrics }: DashboardProps): Row[] {
  return [
    heading('Grants'),
    new Row(
      graph('Refreshes, doubts, consents wanted', [
        metrics.read('refreshes'),
        metrics.read('grantsInDoubt'),
        metrics.read('consentRequired'),
        metrics.read('unreadableValues'),
      ]),
      graph('Sweep: left for later, failed', [
        metrics.read('sweepBacklog', { statistic: 'Maximum' }),
        metrics.read('sweepFailures'),
      ]),
      graph('Sweep: most overdue (s)', [metrics.read('sweepAge', { statistic: 'Maximum' })]),
    ),
    new Row(
      new SingleValueWidget({
        title: 'Soonest expiry (s)',
        metrics: [metrics.read('soonestExpiry', { statistic: 'Minimum' })],
        width: 8,
      }),
      new SingleValueWidget({ title: 'Sweeps', metrics: [metrics.read('sweeps')], width: 8 }),
      new SingleValueWidget({ title: 'Cache failures', metrics: [metrics.read('cacheFailures')], width: 8 }),
    ),
  ];
}

function machinery({ functions, api, tables }: DashboardProps): Row[] {
  const settings = { period: FIVE_MINUTES, statistic: 'Sum' };
  const throttles = tables.flatMap((table) =>
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
  return new GraphWidget({ title, left, stacked, ...SIZE });
}
