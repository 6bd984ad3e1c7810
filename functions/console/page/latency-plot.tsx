import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { ActivityEntry } from '../messages.ts';
import { toneOf, took } from './described.ts';

const SERIES = [
  { label: 'requests', color: '--good' },
  { label: 'vendor calls', color: '--accent' },
  { label: 'failed', color: '--bad' },
] as const;

const HEIGHT = 180;

/** One point a request or vendor call: when, and how long it took. */
export function LatencyPlot({ entries }: { entries: readonly ActivityEntry[] }) {
  const points = entries.flatMap(pointOf);
  return points.length > 0 ? <Plot points={points} /> : null;
}

function Plot({ points }: { points: readonly Point[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  useEffect(() => {
    const made = new uPlot(optionsFor(box.current!), [[], [], [], []], box.current!);
    plot.current = made;
    const fit = new ResizeObserver(() => made.setSize({ width: box.current!.clientWidth, height: HEIGHT }));
    fit.observe(box.current!);
    // Its colours are read once: it is drawn anew when they change.
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => made.redraw();
    dark.addEventListener('change', redraw);
    return () => {
      fit.disconnect();
      dark.removeEventListener('change', redraw);
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current!.setData(dataOf(points)));
  return (
    <figure class="plot">
      <figcaption>
        {SERIES.map(({ label }, index) => (
          <span key={label} class={`key key-${index}`}>
            {label}
          </span>
        ))}
      </figcaption>
      <div ref={box} role="img" aria-label={inWords(points)} />
    </figure>
  );
}

interface Point {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly series: 0 | 1 | 2;
  /** Milliseconds; on a logarithmic scale nothing is shorter than one. */
  readonly duration: number;
}

function pointOf({ at, event }: ActivityEntry): Point[] {
  if (event.type !== 'audit' && event.type !== 'vendor_call') return [];
  const series = toneOf(event) === 'bad' ? 2 : event.type === 'audit' ? 0 : 1;
  return [{ at: at / 1000, series, duration: Math.max(1, event.duration) }];
}

function dataOf(points: readonly Point[]): uPlot.AlignedData {
  const column = (series: number) => points.map((point) => (point.series === series ? point.duration : null));
  return [points.map(({ at }) => at), column(0), column(1), column(2)];
}

function inWords(points: readonly Point[]): string {
  const sorted = points.map(({ duration }) => duration).sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  return `Durations over time of ${sorted.length} requests and vendor calls: half took ${took(median)} or less, the longest ${took(sorted.at(-1)!)}.`;
}

function optionsFor(box: HTMLElement): uPlot.Options {
  const color = (name: string) => () => getComputedStyle(box).getPropertyValue(name);
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { distr: 3 } },
    axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => (tick ? took(tick) : '')) }],
    series: [
      {},
      ...SERIES.map(({ label, color: name }) => ({
        label,
        paths: () => null,
        points: { show: true, size: 6, fill: color(name), stroke: color(name) },
      })),
    ],
  };
}
