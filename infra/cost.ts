/**
 * What a deployment costs a month: `node infra/cost.ts` prints the table of the operator's guide.
 *
 * Operations are counted (a test compares them with what the synthesized functions do); prices are AWS's list
 * prices for us-east-1 without free tiers, as known in mid-2025. Data transfer, support and taxes are left out.
 */
import { METRICS, type MetricDimension } from '../shared/contract/metrics.ts';

/** Dollars. */
const PRICES = {
  apiRequest: 1.0 / 1e6,
  lambdaRequest: 0.2 / 1e6,
  lambdaGigabyteSecond: 0.0000133334,
  tableReadUnit: 0.125 / 1e6,
  tableWriteUnit: 0.625 / 1e6,
  secretMonth: 0.4,
  secretCall: 0.05 / 1e4,
  keyMonth: 1.0,
  keyCall: 0.03 / 1e4,
  logGigabyte: 0.5,
  metricMonth: 0.3,
  alarmMetricMonth: 0.1,
  compositeAlarmMonth: 0.5,
  trace: 5.0 / 1e6,
  schedule: 1.0 / 1e6,
  natHour: 0.045,
  addressHour: 0.005,
  endpointHour: 0.01,
};

/** A month, as AWS bills it. */
const HOURS = 730;

/** Counted: DynamoDB items (each below 4 KB to read and 2 KB to write), and bytes that the function logs. */
export const OPERATIONS = {
  memory: { reads: 0, writes: 0 },
  table: { reads: 1, writes: 0 },
  mint: { reads: 2, writes: 2 },
  sweep: { queries: 1 },
} as const;

/** Counted in the template of ten connections. */
export const FIXED = { secrets: 11, keys: 1, alarmMetrics: 24, compositeAlarms: 0 } as const;

/** Assumed, and named in the guide. */
const ASSUMED = {
  connections: 10,
  /** Tokens live for an hour, so this is how often each connection mints. */
  mints: 10 * HOURS,
  /** Of the rest, answered from a process's memory. */
  fromMemory: 0.9,
  /** Billed seconds at 512 MB. */
  seconds: { memory: 0.005, table: 0.02, mint: 0.5, sweep: 0.05 },
  memoryGigabytes: 0.5,
  /** Of logs a request: audit record, metrics, Lambda's own lines and the access log. */
  logBytes: 2_200,
  sweepLogBytes: 1_200,
  /** Lambda traces one request a second, and a twentieth of the rest. */
  tracedPerSecond: 1,
  tracedShare: 0.05,
  /** Execution environments on average, each reading its secrets every five minutes. */
  environments: (requests: number) => Math.max(1, requests / 2e7),
};

export interface Cost {
  readonly requests: number;
  /** API Gateway and Lambda. */
  readonly serving: number;
  readonly tables: number;
  readonly logs: number;
  readonly traces: number;
  /** Metrics, alarms, secrets, keys and schedules: the same however many requests there are. */
  readonly idle: number;
  readonly total: number;
}

/** @param requests token requests over HTTPS in a month */
export function monthlyCost(requests: number): Cost {
  const mint = Math.min(ASSUMED.mints, requests);
  const memory = (requests - mint) * ASSUMED.fromMemory;
  const table = requests - mint - memory;
  const sweeps = HOURS * 60;

  const seconds = ASSUMED.seconds;
  const compute =
    (memory * seconds.memory + table * seconds.table + mint * seconds.mint) * ASSUMED.memoryGigabytes;
  const serving =
    requests * (PRICES.apiRequest + PRICES.lambdaRequest) + compute * PRICES.lambdaGigabyteSecond;
  const tables =
    (table * OPERATIONS.table.reads + mint * OPERATIONS.mint.reads) * PRICES.tableReadUnit +
    // Two units: sealed items are larger than one kilobyte.
    mint * OPERATIONS.mint.writes * 2 * PRICES.tableWriteUnit +
    sweeps * OPERATIONS.sweep.queries * PRICES.tableReadUnit;
  const logs = ((requests * ASSUMED.logBytes + sweeps * ASSUMED.sweepLogBytes) / 1e9) * PRICES.logGigabyte;
  const traces = traced(requests) * PRICES.trace;
  const idle = idleCost(requests, sweeps);
  return { requests, serving, tables, logs, traces, idle, total: serving + tables + logs + traces + idle };
}

function traced(requests: number): number {
  const perSecond = requests / (HOURS * 3600);
  const first = Math.min(perSecond, ASSUMED.tracedPerSecond);
  return (first + (perSecond - first) * ASSUMED.tracedShare) * HOURS * 3600;
}

function idleCost(requests: number, sweeps: number): number {
  const secretReads = ASSUMED.environments(requests) * (ASSUMED.connections + 1) * HOURS * 12;
  return (
    FIXED.secrets * PRICES.secretMonth +
    secretReads * (PRICES.secretCall + PRICES.keyCall) +
    FIXED.keys * PRICES.keyMonth +
    billedMetrics() * PRICES.metricMonth +
    FIXED.alarmMetrics * PRICES.alarmMetricMonth +
    FIXED.compositeAlarms * PRICES.compositeAlarmMonth +
    sweeps * (PRICES.schedule + PRICES.lambdaRequest) +
    sweeps * ASSUMED.seconds.sweep * ASSUMED.memoryGigabytes * PRICES.lambdaGigabyteSecond
  );
}

/** Every combination of name and dimension that ten connections write; error codes as they come, say three. */
function billedMetrics(): number {
  const values: Record<MetricDimension, number> = { Source: 3, Code: 3, Connection: ASSUMED.connections };
  return Object.values(METRICS).reduce(
    (sum, metric) => sum + ('dimension' in metric ? values[metric.dimension] : 1),
    0,
  );
}

/** Two NAT gateways with an address each, three interface endpoints in two zones; traffic comes on top. */
function staticAddressCost(): number {
  return HOURS * (2 * PRICES.natHour + 2 * PRICES.addressHour + 6 * PRICES.endpointHour);
}

/** Markdown. */
export function costTable(): string {
  const dollars = (amount: number) => `$${amount.toFixed(2)}`;
  const rows = [1e4, 1e6, 1e8].map((requests) => {
    const cost = monthlyCost(requests);
    const cells = [cost.serving, cost.tables, cost.logs, cost.traces, cost.idle, cost.total].map(dollars);
    return `| ${requests.toLocaleString('en-US')} | ${cells.join(' | ')} |`;
  });
  return [
    '| Token requests a month | API and Lambda | Tables | Logs | Traces | Idle | Total |',
    '|--:|--:|--:|--:|--:|--:|--:|',
    ...rows,
    '',
    `A fixed address adds ${dollars(staticAddressCost())} a month, and $0.045 a gigabyte.`,
  ].join('\n');
}

if (import.meta.main) console.log(costTable());
