import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

export interface Series {
  readonly label: string;
  /** A custom property that is registered as a colour (`base.css`): a canvas understands no other. */
  readonly color: string;
}

export interface Point {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Index of its series. */
  readonly series: number;
  readonly value: number;
}

interface Props {
  readonly series: readonly Series[];
  /** Oldest first. */
  readonly points: readonly Point[];
  /** What it shows, for whoever cannot see it. */
  readonly label: string;
  readonly height: number;
  /** Of the values' axis. */
  readonly axis: uPlot.Axis;
  readonly scale: uPlot.Scale;
}

/** Points over time. */
export function ScatterPlot({ series, points, label, height, axis, scale }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const width = () => box.current!.clientWidth;
  useEffect(() => {
    const options = optionsFor(box.current!, series, axis, scale);
    const made = new uPlot({ ...options, width: width(), height }, [[]], box.current!);
    plot.current = made;
    const fit = new ResizeObserver(() => made.setSize({ width: width(), height }));
    fit.observe(box.current!);
    // Its colours are read when it is drawn.
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => made.redraw();
    dark.addEventListener('change', redraw);
    return () => {
      fit.disconnect();
      dark.removeEventListener('change', redraw);
      made.destroy();
    };
  }, [height]);
  useEffect(() => plot.current!.setData(dataOf(series, points)));
  return (
    <figure class="plot">
      <figcaption>
        {series.map(({ label: name, color }) => (
          <span key={name} class="key" style={{ '--key': `var(${color})` }}>
            {name}
          </span>
        ))}
      </figcaption>
      <div ref={box} role="img" aria-label={label} style={{ minHeight: `${height}px` }} />
    </figure>
  );
}

function dataOf(series: readonly Series[], points: readonly Point[]): uPlot.AlignedData {
  const column = (index: number) => points.map((point) => (point.series === index ? point.value : null));
  return [points.map(({ at }) => at / 1000), ...series.map((_, index) => column(index))];
}

/** Seconds. A plot of a moment would be of fractions of a second. */
const SHORTEST = 60;

function optionsFor(box: HTMLElement, series: readonly Series[], axis: uPlot.Axis, scale: uPlot.Scale) {
  const color = (name: string) => () => getComputedStyle(box).getPropertyValue(name);
  const common: uPlot.Axis = {
    stroke: color('--muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  const time: uPlot.Axis = {
    ...common,
    space: 90,
    size: 30,
    values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString()),
  };
  return {
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: {
        range: (_: uPlot, from: number, to: number) =>
          [Math.min(from, to - SHORTEST), to + 1] as [number, number],
      },
      y: scale,
    },
    axes: [time, { ...common, ...axis }],
    series: [
      {},
      ...series.map(({ label, color: name }) => ({
        label,
        paths: () => null,
        points: { show: true, size: 7, fill: color(name), stroke: color(name) },
      })),
    ],
  };
}
