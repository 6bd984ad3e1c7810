import { SERVICE } from '../../../shared/contract/metrics.ts';
import { FUNCTIONS, NAMES } from '../../../shared/contract/names.ts';
import { type Aws, AwsRefusal, call, callJson } from '../aws.ts';
import { type Check, type Finding, ok, problem, skipped } from './check.ts';

const DEPLOY = 'Deploy the stack again; it sets this.';

export const checkTables: Check = async ({ target: { aws, stage, isLocal } }) => {
  if (isLocal)
    return [skipped('tables', 'time to live and point-in-time recovery are not applicable locally')];
  const [tokens, grants] = await Promise.all([
    tableInUse(aws, stage, 'tokens-table', NAMES.tokensTable),
    tableInUse(aws, stage, 'grants-table', NAMES.grantsTable),
  ]);
  return Promise.all([checkTimeToLive(aws, tokens), checkRecovery(aws, grants)]);
};

/** As the stack publishes it, since a table may have been brought along or restored; else by its fixed name. */
async function tableInUse(aws: Aws, stage: string, parameter: string, fixed: string): Promise<string> {
  try {
    const Name = `/${stage}${SERVICE}/${parameter}`;
    const { Parameter } = await callJson(aws, 'ssm', 'GetParameter', { Name });
    return (Parameter as { Value?: string } | undefined)?.Value ?? stage + fixed;
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    return stage + fixed;
  }
}

function checkTimeToLive(aws: Aws, table: string): Promise<Finding> {
  const check = `time to live of ${table}`;
  return unlessRefused(check, async () => {
    const answer = await callJson(aws, 'dynamodb', 'DescribeTimeToLive', { TableName: table });
    const { TimeToLiveStatus } = (answer.TimeToLiveDescription ?? {}) as { TimeToLiveStatus?: string };
    if (TimeToLiveStatus === 'ENABLED') return ok(check, 'expired tokens are deleted');
    return problem(check, `is ${TimeToLiveStatus}: expired tokens stay`, DEPLOY);
  });
}

function checkRecovery(aws: Aws, table: string): Promise<Finding> {
  const check = `recovery of ${table}`;
  return unlessRefused(check, async () => {
    const answer = await callJson(aws, 'dynamodb', 'DescribeContinuousBackups', { TableName: table });
    const { PointInTimeRecoveryDescription } = (answer.ContinuousBackupsDescription ?? {}) as {
      PointInTimeRecoveryDescription?: { PointInTimeRecoveryStatus?: string };
    };
    const status = PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
    if (status === 'ENABLED') return ok(check, 'grants can be restored to any point in time');
    return problem(check, `point-in-time recovery is ${status}: lost grants are lost consents`, DEPLOY);
  });
}

export const checkSchedule: Check = async ({ target: { aws, stage, isLocal } }) => {
  const check = 'sweep schedule';
  if (isLocal) return [skipped(check, 'the local program sweeps by itself (--sweep-every)')];
  const finding = await unlessRefused(check, async () => {
    const schedules = await refreshSchedules(aws, stage + FUNCTIONS.refresh.name);
    if (schedules.length === 0) return problem(check, 'no schedule runs the refresher', DEPLOY);
    const disabled = schedules.filter(({ State }) => State !== 'ENABLED').map(({ Name }) => Name);
    if (disabled.length > 0)
      return problem(check, `disabled: ${disabled.join(', ')}`, 'Enable it in EventBridge Scheduler.');
    return ok(check, `${schedules.length} enabled`);
  });
  return [finding];
};

interface Schedule {
  readonly Name?: string;
  readonly State?: string;
  readonly Target?: { readonly Arn?: string };
}

/** Their names are CloudFormation's: what they run tells them. */
async function refreshSchedules(aws: Aws, functionName: string): Promise<Schedule[]> {
  const found: Schedule[] = [];
  let token: string | undefined;
  do {
    const page = token === undefined ? '' : `&NextToken=${encodeURIComponent(token)}`;
    const answer = await call(aws, 'scheduler', 'GET', `/schedules?MaxResults=100${page}`);
    found.push(...((answer.Schedules ?? []) as Schedule[]));
    token = answer.NextToken as string | undefined;
  } while (token !== undefined);
  return found.filter(({ Target }) => Target?.Arn?.split(':')[6] === functionName);
}

async function unlessRefused(check: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    if (/NotFound/.test(error.type))
      return problem(check, 'does not exist', 'Check --stack and --region, or deploy.');
    return skipped(check, `you may not look (${error.type})`);
  }
}
