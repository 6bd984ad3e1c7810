import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { observed } from '../../functions/middleware.ts';
import { telemetry } from '../../functions/telemetry.ts';
import type { AuditRecord } from '../../shared/broker/events.ts';
import { INVOKE_ARN, lambdaContext } from '../support/lambda.ts';

let lines: Record<string, unknown>[];
beforeEach(() => {
  lines = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(JSON.parse(String(line))) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const audit: AuditRecord = {
  type: 'audit',
  action: 'token',
  principal: 'arn:aws:sts::111122223333:assumed-role/job/session',
  connection: 'logs-jobs',
  outcome: 'success',
  source: 'table',
  duration: 12,
};

/** Of a line, what CloudWatch would store: `service[,Dimension=value] Name` and the value. */
function metricsOf(line: Record<string, unknown>): Record<string, unknown> {
  const { _aws } = line as { _aws?: { CloudWatchMetrics: Directive[] } };
  return Object.fromEntries(
    (_aws?.CloudWatchMetrics ?? []).flatMap(({ Dimensions: [dimensions], Metrics }) =>
      Metrics.map(({ Name }) => [`${dimensions!.map((each) => line[each]).join(' ')} ${Name}`, line[Name]]),
    ),
  );
}
interface Directive {
  readonly Dimensions: string[][];
  readonly Metrics: { readonly Name: string }[];
}

test('a request is one line: its audit record, with its metrics in it', () => {
  const { observe, flush } = telemetry('prod-token-broker');
  observe(audit);
  flush();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ message: 'audit', event: { connection: 'logs-jobs', source: 'table' } });
  expect(metricsOf(lines[0]!)).toEqual({
    'prod-token-broker Requests': 1,
    'prod-token-broker table TokensServed': 1,
  });
});

test('each line says which invocation it belongs to, and whether that was the first of its process', async () => {
  vi.stubEnv(
    '_X_AMZN_TRACE_ID',
    'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
  );
  const instruments = telemetry('token-broker');
  const handler = observed(instruments, async () => instruments.observe(audit));
  const context = lambdaContext(INVOKE_ARN);
  await handler({ rawQueryString: 'code=CANARY' }, context);
  await handler({}, { ...context, awsRequestId: 'second' });
  expect(lines).toMatchObject([
    {
      level: 'INFO',
      service: 'token-broker',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
      cold_start: true,
      function_arn: INVOKE_ARN,
      function_name: context.functionName,
      function_request_id: context.awsRequestId,
      xray_trace_id: '1-5759e988-bd862e3fe1be46a994272793',
    },
    { cold_start: false, function_request_id: 'second' },
  ]);
  expect(JSON.stringify(lines)).not.toContain('CANARY');
});

test('what no audit record carried is written at the end of the invocation, though it fails', async () => {
  const instruments = telemetry('s');
  const handler = observed(instruments, async () => {
    instruments.failed();
    throw new TypeError('a defect');
  });
  await expect(handler({}, lambdaContext(INVOKE_ARN))).rejects.toThrow('a defect');
  expect(lines.map(metricsOf)).toEqual([{ 's AnsweredErrors': 1 }]);
});

test('what somebody has to look at is an error, what may pass a warning', () => {
  const { observe } = telemetry('s');
  observe({ type: 'unreadable_value', connection: 'c', detail: 'd' });
  observe({ ...audit, outcome: 'busy' });
  expect(lines.map(({ level }) => level)).toEqual(['ERROR', 'WARN']);
});

test('what went wrong on the way is on that line as well, and in no later one', () => {
  const { observe, flush } = telemetry('token-broker');
  observe({ type: 'cache_failed', connection: 'logs-jobs', operation: 'read' });
  observe({ type: 'cache_failed', connection: 'logs-jobs', operation: 'write' });
  observe({ ...audit, outcome: 'store_unavailable' });
  flush();
  observe(audit);
  flush();
  expect(lines.map(metricsOf)).toEqual([
    {},
    {},
    {
      'token-broker CacheFailures': [1, 1],
      'token-broker Requests': 1,
      'token-broker store_unavailable Errors': 1,
      'token-broker OwnFaults': 1,
    },
    { 'token-broker Requests': 1, 'token-broker table TokensServed': 1 },
  ]);
});

test("a caller's own mistake is no fault of the deployment", () => {
  telemetry('s').observe({ ...audit, outcome: 'access_denied' });
  expect(metricsOf(lines[0]!)).toEqual({ 's Requests': 1, 's access_denied Errors': 1 });
});

test('an error that a direct invoke is answered with is counted once, audited or not', () => {
  const { observe, failed, flush } = telemetry('s');
  observe({ ...audit, principal: 'lambda:invoke', outcome: 'busy' });
  failed();
  flush();
  failed();
  flush();
  const counted = lines.map((line) => metricsOf(line)['s AnsweredErrors']);
  expect(counted).toEqual([1, 1]);
});

test('a sweep that renews in time writes no metric, and one that does not says how late and how many', () => {
  const { observe, flush } = telemetry('s');
  const sweep = {
    type: 'sweep',
    shard: 0,
    due: 2,
    renewed: 2,
    failed: 0,
    skipped: 0,
    backlog: 0,
    age: 30,
    duration: 5,
  } as const;
  observe(sweep);
  observe({ ...sweep, failed: 2, age: 700 });
  flush();
  expect(lines.map(metricsOf)).toEqual([{}, { 's SweepFailures': 2, 's SweepAge': 700 }]);
});

test('a vendor’s refusal is counted, the pending answers of a device flow are not', () => {
  const { observe, flush } = telemetry('s');
  const call = {
    type: 'vendor_call',
    connection: 'c',
    vendor: 'bits',
    purpose: 'mint',
    duration: 1,
  } as const;
  observe({ ...call, outcome: 'vendor_rejected', vendorError: 'authorization_pending' });
  flush();
  observe({ ...call, outcome: 'vendor_rejected', vendorError: 'invalid_client' });
  flush();
  expect(lines.map(({ message }) => message)).toEqual(['vendor_call', 'vendor_call', 'metrics']);
  expect(metricsOf(lines[2]!)).toEqual({ 's VendorRejections': 1 });
});
