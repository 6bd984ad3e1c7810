import type { ActivityEntry } from '../messages.ts';
import { toneOf, took } from './described.ts';
import { type Point, ScatterPlot } from './scatter-plot.tsx';

const SERIES = [
  { label: 'requests', color: '--good' },
  { label: 'vendor calls', color: '--vendor' },
  { label: 'failed', color: '--bad' },
];

/** Few lines, though the scale is logarithmic. */
const AXIS = {
  size: 64,
  splits: (_: unknown, _axis: number, _from: number, to: number) =>
    [1, 10, 100, 1_000, 10_000, 100_000].filter((each) => each <= to),
  values: (_: unknown, ticks: number[]) => ticks.map(took),
};
const SCALE = {
  distr: 3 as const,
  range: (_: unknown, _from: number, to: number): [number, number] => [1, Math.max(100, to * 2)],
};

/** One point a request or vendor call: when, and how long it took. */
export function LatencyPlot({ entries }: { entries: readonly ActivityEntry[] }) {
  const points = entries.flatMap(pointOf);
  if (points.length === 0) return null;
  return (
    <ScatterPlot
      series={SERIES}
      points={points}
      label={inWords(points)}
      height={180}
      axis={AXIS}
      scale={SCALE}
    />
  );
}

function pointOf({ at, event }: ActivityEntry): Point[] {
  if (event.type !== 'audit' && event.type !== 'vendor_call') return [];
  const series = toneOf(event) === 'bad' ? 2 : event.type === 'audit' ? 0 : 1;
  // On a logarithmic scale nothing is shorter than one.
  return [{ at, series, value: Math.max(1, event.duration) }];
}

function inWords(points: readonly Point[]): string {
  const durations = durationsInWords(points.map(({ value }) => value));
  return `Durations over time of ${points.length} requests and vendor calls: ${durations}`;
}

/** @param durations in milliseconds, at least one */
export function durationsInWords(durations: readonly number[]): string {
  const sorted = durations.toSorted((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  return `half took ${took(median)} or less, the longest ${took(sorted.at(-1)!)}.`;
}
