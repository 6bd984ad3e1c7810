/** The tables of `infra/CAPACITY.md`, in Markdown. */
import { HOURS, PRICES, usageCost } from '../../../infra/cost.ts';
import { growths } from './loads.ts';
import { fromMemory, type Growth, LIFE, RENEWAL, SWEEP_RATE } from './simulate.ts';

/** Of a month, as AWS bills it. */
const SECONDS = HOURS * 3_600;
/** Seconds that a request takes where the table has to be asked. */
const DURATION = 0.02;
/** Synchronous requests a second that Lambda sends to one environment, however short they are. */
const MOST_EACH = 10;
/** Seconds between two refreshes of a grant, on average. */
const EVERY = { keep_warm: LIFE - 250, on_use: 0.95 * 86_400 };

/** Dollars a month of so many units a second. */
export function tablesCost({ reads, writes }: Pick<Growth, 'reads' | 'writes'>): number {
  return (reads * PRICES.tableReadUnit + writes * PRICES.tableWriteUnit) * SECONDS;
}

/** Of so many requests a second, spread evenly over the grants; dollars a month. */
export function requestsOf(requestsPerSecond: number, grants: number) {
  const environments = Math.max(1, requestsPerSecond * DURATION, requestsPerSecond / MOST_EACH);
  const memory = fromMemory({ grants, requestsPerSecond, environments });
  const reads = requestsPerSecond * (1 - memory);
  const { serving, logs } = usageCost(requestsPerSecond * SECONDS);
  return { environments, memory, reads, serving, logs, tables: tablesCost({ reads, writes: 0 }) };
}

/** A second, of what keeps so many grants. */
export function refreshesOf(grants: number, refresh: keyof typeof EVERY) {
  const refreshes = grants / EVERY[refresh];
  return { refreshes, reads: refreshes * RENEWAL.reads, writes: refreshes * RENEWAL.writes };
}

export function requestTable(): string {
  const rows = [10, 1_000, 100_000].flatMap((rate) =>
    [1_000, 1e6, 1e8].map((grants) => {
      const { environments, memory, reads, serving, logs, tables } = requestsOf(rate, grants);
      const cells = [environments, percent(memory), reads];
      return row([rate, grants, ...cells, ...[serving, logs, tables].map(dollars)]);
    }),
  );
  return table(
    [
      'Requests a second',
      'Grants',
      'Environments',
      'From memory',
      'Table reads a second',
      'API and Lambda a month',
      'Logs a month',
      'Table reads a month',
    ],
    rows,
  );
}

/** What keeping grants warm costs, whether anybody asks for them or not; `on_use` is once a day. */
export function grantTable(): string {
  const rows = [1_000, 1e6, 1e8].flatMap((grants) =>
    (['keep_warm', 'on_use'] as const).map((refresh) => {
      const { refreshes, ...units } = refreshesOf(grants, refresh);
      const shards = Math.max(1, Math.ceil(refreshes / SWEEP_RATE));
      const cells = [refreshes, shards, units.writes, dollars(tablesCost(units))];
      return row([grants, `\`${refresh}\``, ...cells]);
    }),
  );
  return table(
    ['Grants', '`refresh`', 'Refreshes a second', '`shards`', 'Write units a second', 'Table a month'],
    rows,
  );
}

/** What the simulation says. */
export function growthTable(): string {
  const rows = growths().map(([name, , growth]) => {
    const { vendorMean, vendorPeak, hitRate, medianLife, mostLife, leastLife } = growth;
    const vendor = [vendorMean, vendorPeak, `${number(vendorPeak / vendorMean)} ×`];
    const life = [medianLife, mostLife, leastLife].map((seconds) => `${number(seconds)} s`);
    return row([
      name,
      ...vendor,
      percent(hitRate),
      ...life,
      percent(growth.replaced),
      dollars(tablesCost(growth)),
    ]);
  });
  return table(
    [
      'A million grants',
      'Refreshes a second',
      'Most in ten seconds',
      'Of the mean',
      'Wait for no vendor',
      'Life left, median',
      'Of 99 % at least',
      'Least',
      "Of memory's, replaced already",
      'Tables a month',
    ],
    rows,
  );
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), `|${head.map(() => '--:').join('|')}|`, ...rows].join('\n');
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => (typeof cell === 'number' ? number(cell) : cell)).join(' | ')} |`;
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 0 });
}

const dollars = (amount: number) => `$${number(amount)}`;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
