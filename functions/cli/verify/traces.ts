/** What a call leaves behind: its audit line and its metric. */
import { TokenBrokerError } from '../../../shared/client/errors.ts';
import { METRICS, METRICS_NAMESPACE, SERVICE } from '../../../shared/contract/metrics.ts';
import { fillPath } from '../../../shared/contract/routes.ts';
import { callJson } from '../aws.ts';
import { type Finding, ok, problem, skipped } from '../doctor/check.ts';
import { logGroupOf } from '../log-group.ts';
import { eventually, type LiveCheck, orRefused, type Run } from './run.ts';
import { TOKEN_ROUTE } from './temporary-role.ts';

const MINUTE = 60_000;

export const checkTraces: LiveCheck = async (run) => {
  const connection = run.listed[0]?.connection;
  if (connection === undefined) return [skipped('audit line and metric', 'there is no connection to call')];
  const since = Date.now();
  await run.target
    .api(
      'POST',
      fillPath(TOKEN_ROUTE, () => connection),
      {},
    )
    .catch((error: unknown) => {
      // A refusal is told as well.
      if (!(error instanceof TokenBrokerError)) throw error;
    });
  const lines = await orRefused('audit line', async () => [await auditLine(run, connection, since)]);
  return [...lines, ...(await orRefused('metric', async () => [await metric(run, since)]))];
};

async function auditLine(run: Run, connection: string, since: number): Promise<Finding> {
  const { aws } = run.target;
  const logGroupName = await logGroupOf(run.target, 'https');
  const search = {
    logGroupName,
    // Clocks differ by some seconds.
    startTime: since - MINUTE / 6,
    filterPattern: `"audit" "${connection}"`,
  };
  let nextToken: unknown;
  const found = await eventually(run, async () => {
    do {
      const page = await callJson(aws, 'logs', 'FilterLogEvents', {
        ...search,
        ...(nextToken !== undefined && { nextToken }),
      });
      if (((page.events ?? []) as unknown[]).length > 0) return true;
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return undefined;
  });
  if (found) return ok('audit line', `of a call of ${connection} is in ${logGroupName}`);
  return problem(
    'audit line',
    `none of a call of ${connection} in ${logGroupName}`,
    'Check that the function may write there; deploy again, or raise --patience.',
  );
}

async function metric(run: Run, since: number): Promise<Finding> {
  const { aws, stage } = run.target;
  const { name } = METRICS.requests;
  const Metric = {
    Namespace: METRICS_NAMESPACE,
    MetricName: name,
    Dimensions: [{ Name: 'service', Value: stage + SERVICE }],
  };
  const found = await eventually(run, async () => {
    const { MetricDataResults } = await callJson(aws, 'monitoring', 'GetMetricData', {
      MetricDataQueries: [{ Id: 'requests', MetricStat: { Metric, Period: 60, Stat: 'Sum' } }],
      // Whole minutes, as data points are.
      StartTime: (Math.floor(since / MINUTE) * MINUTE) / 1000,
      EndTime: Math.ceil((Date.now() + MINUTE) / 1000),
    });
    const [result] = (MetricDataResults ?? []) as { Values?: number[] }[];
    return result?.Values?.some((value) => value > 0) || undefined;
  });
  if (found) return ok('metric', `${METRICS_NAMESPACE} ${name} has counted the call`);
  return problem(
    'metric',
    `${METRICS_NAMESPACE} ${name} of ${stage + SERVICE} has not counted the call`,
    'CloudWatch may be late: raise --patience; else look for "_aws" in the function’s log.',
  );
}
