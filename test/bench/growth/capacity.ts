/** The tables of `infra/CAPACITY.md`, in Markdown: `node test/bench/growth/capacity.ts`. */
import { HOURS, PRICES, usageCost } from '../../../infra/cost.ts';
import { fromMemory, LIFE, RENEWAL, SWEEP_RATE } from './simulate.ts';

const SECONDS = HOURS * 3_600;
/** A sealed grant is larger than one kilobyte, and moves in the index of what is due: out of one place, into another. */
export const UNITS_PER_WRITE = 2 + 2;
/** Seconds that a request takes where the table has to be asked. */
const DURATION = 0.02;
/** Synchronous requests a second that Lambda sends to one environment, however short they are. */
const MOST_EACH = 10;

/** Requests a second against the grants that they are spread over, evenly. */
export function requestTable(): string {
  const rows = [10, 1_000, 100_000].flatMap((rate) =>
    [1_000, 1e6, 1e8].map((grants) => {
      const environments = Math.max(1, rate * DURATION, rate / MOST_EACH);
      const memory = fromMemory({ grants, requestsPerSecond: rate, environments });
      const reads = rate * (1 - memory);
      const { serving, logs } = usageCost(rate * SECONDS);
      const cells = [environments, `${(memory * 100).toFixed(1)} %`, reads];
      const money = [serving, logs, reads * SECONDS * PRICES.tableReadUnit].map(dollars);
      return row([rate, grants, ...cells, ...money]);
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
    (
      [
        ['keep_warm', LIFE - 250],
        ['on_use', 0.95 * 86_400],
      ] as const
    ).map(([refresh, every]) => {
      const renewals = grants / every;
      const writes = renewals * RENEWAL.writes * UNITS_PER_WRITE;
      const cost =
        (writes * PRICES.tableWriteUnit + renewals * RENEWAL.reads * PRICES.tableReadUnit) * SECONDS;
      return row([
        grants,
        `\`${refresh}\``,
        renewals,
        Math.max(1, Math.ceil(renewals / SWEEP_RATE)),
        writes,
        dollars(cost),
      ]);
    }),
  );
  return table(
    ['Grants', '`refresh`', 'Refreshes a second', '`shards`', 'Write units a second', 'Table a month'],
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

if (import.meta.main) console.log(`${requestTable()}\n\n${grantTable()}`);
