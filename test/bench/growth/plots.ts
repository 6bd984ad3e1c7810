/** The plots of `infra/CAPACITY.md`. */
import { escaped, svg, type Theme } from '../svg.ts';
import { refreshesOf, requestsOf, tablesCost } from './capacity.ts';
import { growths } from './loads.ts';

interface Axis {
  readonly ticks: readonly number[];
  readonly scale?: 'log';
}

interface Chart {
  readonly title: string;
  readonly axes: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: Readonly<Record<string, readonly (readonly [x: number, y: number])[]>>;
}

/** Seconds of which a point is the mean. */
const STEP = 120;

/** Refreshes a second from the last consent on. */
export function vendorPlot(theme: Theme): string {
  const x = { ticks: [0, 1, 2, 3, 4, 5, 6] };
  const y = { ticks: [0, 300, 600, 900, 1_200] };
  const each = STEP / 10;
  const charts = growths().map(([title, , { vendor }]) => {
    const points = Array.from({ length: (6 * 3_600) / STEP }, (_, index) => {
      const rates = vendor.slice(index * each, (index + 1) * each);
      return [((index + 0.5) * STEP) / 3_600, rates.reduce((sum, rate) => sum + rate, 0) / each] as const;
    });
    return { title, axes: 'refreshes a second, by hours', x, y, lines: { '': points } };
  });
  return drawn('Refreshes a second of a million grants, from the last consent on', charts, theme);
}

/** Dollars a month. */
export function costPlot(theme: Theme): string {
  const rates = [10, 100, 1_000, 10_000, 100_000];
  const grants = [1e4, 1e5, 1e6, 1e7, 1e8];
  const requests = rates.map((rate) => [rate, requestsOf(rate, 1e6)] as const);
  const kept = (refresh: 'keep_warm' | 'on_use') =>
    grants.map((count) => [count, tablesCost(refreshesOf(count, refresh))] as const);
  const y = { ticks: [1, 100, 10_000, 1_000_000], scale: 'log' } as const;
  const charts: Chart[] = [
    {
      title: 'requests, spread over a million grants',
      axes: '$ a month, by requests a second',
      x: { ticks: rates, scale: 'log' },
      y,
      lines: {
        'API, Lambda and logs': requests.map(([rate, { serving, logs }]) => [rate, serving + logs]),
        'table reads': requests.map(([rate, { tables }]) => [rate, tables]),
      },
    },
    {
      title: 'grants, whether or not anybody asks for them',
      axes: '$ a month, by grants',
      x: { ticks: grants, scale: 'log' },
      y,
      lines: { keep_warm: kept('keep_warm'), on_use: kept('on_use') },
    },
  ];
  return drawn('Dollars a month', charts, theme);
}

const WIDTH = 940;
const HEIGHT = 250;
const FRAME = { left: 44, right: 20, top: 34, bottom: 44 };

function drawn(title: string, charts: readonly Chart[], theme: Theme): string {
  const width = WIDTH / charts.length;
  const body = charts.map(
    (chart, index) =>
      `<g transform="translate(${(index * width).toFixed(0)} 0)">\n${panel(chart, width, theme)}\n</g>`,
  );
  return svg(title, [WIDTH, HEIGHT], body.join('\n'));
}

function panel(
  { title, axes, x, y, lines }: Chart,
  width: number,
  { ink, quiet, line, accent }: Theme,
): string {
  const right = width - FRAME.right;
  const bottom = HEIGHT - FRAME.bottom;
  const across = scaled(x, FRAME.left, right);
  const up = scaled(y, bottom, FRAME.top);
  const text = (at: readonly [number, number], words: string, fill: string, anchor: string) =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" fill="${fill}" text-anchor="${anchor}">${escaped(words)}</text>`;
  const colors = [accent, ink];
  return [
    text([6, 16], title, ink, 'start'),
    ...y.ticks.map(
      (tick) =>
        `<path d="M${FRAME.left} ${up(tick).toFixed(1)}H${right.toFixed(1)}" stroke="${line}" stroke-width="0.5"/>`,
    ),
    ...y.ticks.map((tick) => text([FRAME.left - 6, up(tick) + 4], short(tick), quiet, 'end')),
    ...x.ticks.map((tick) => text([across(tick), bottom + 16], short(tick), quiet, 'middle')),
    text([(FRAME.left + right) / 2, bottom + 34], axes, quiet, 'middle'),
    ...Object.entries(lines).flatMap(([name, points], index) => {
      const path = points.map(([px, py]) => `${across(px).toFixed(1)} ${up(py).toFixed(1)}`).join('L');
      return [
        `<path d="M${path}" fill="none" stroke="${colors[index]}" stroke-width="1.5"/>`,
        text([FRAME.left + 4, FRAME.top + 16 + index * 16], name, colors[index]!, 'start'),
      ];
    }),
  ].join('\n');
}

function scaled({ ticks, scale }: Axis, from: number, to: number): (value: number) => number {
  const on = scale === 'log' ? Math.log10 : (value: number) => value;
  const [first, last] = [on(ticks[0]!), on(ticks.at(-1)!)];
  return (value) => from + ((on(value) - first) / (last - first)) * (to - from);
}

const short = (value: number) => value.toLocaleString('en-US', { notation: 'compact' });
