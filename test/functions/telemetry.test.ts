import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { observed } from '../../functions/middleware.ts';
import { telemetry } from '../../functions/telemetry.ts';
import type { AuditRecord } from '../../shared/broker/events.ts';
import { INVOKE_ARN, lambdaContext } from '../support/lambda.ts';

let lines: Record<string, unknown>[];
beforeEach(() => {
  lines = [];
  const read = (...parts: unknown[]) => lines.push(JSON.parse(String(parts[0])));
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(read);
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((chunk) => read(chunk) > 0);
  }
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

test('no event is logged, whatever the environment asks for', async () => {
  vi.stubEnv('POWERTOOLS_LOGGER_LOG_EVENT', 'true');
  const handler = observed(telemetry('token-broker'), async () => 'done');
  expect(await handler({ rawQueryString: 'code=CANARY' }, lambdaContext(INVOKE_ARN))).toBe('done');
  expect(JSON.stringify(lines)).not.toContain('CANARY');
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
