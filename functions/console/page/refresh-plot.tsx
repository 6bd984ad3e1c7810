import type { BrokerEvent } from '../../../shared/broker/events.ts';
import type { ActivityEntry } from '../messages.ts';
import { toneOf } from './described.ts';
import { type Point, ScatterPlot } from './scatter-plot.tsx';

type GrantEvent = Extract<BrokerEvent, { type: 'grant' }>;

const SERIES = [
  { label: 'refreshed', color: '--good' },
  { label: 'consented, revoked', color: '--vendor' },
  { label: 'wants a look', color: '--attention' },
  { label: 'ended or failed', color: '--bad' },
];

/** Subjects that are shown, those that changed last. */
const MOST_LANES = 12;

/** A lane a subject; a point whenever something became of its grant. */
export function RefreshPlot({ entries }: { entries: readonly ActivityEntry[] }) {
  const changes = entries.flatMap(({ at, event }) => (event.type === 'grant' ? [{ at, event }] : []));
  const lanes = [...new Set(changes.map(({ event }) => event.subject).reverse())].slice(0, MOST_LANES);
  if (lanes.length === 0) return null;
  const points = changes.flatMap(({ at, event }): Point[] => {
    const lane = lanes.indexOf(event.subject);
    return lane < 0 ? [] : [{ at, series: seriesOf(event), value: -lane }];
  });
  const refreshes = changes.filter(({ event }) => event.change === 'refreshed').length;
  const axis = {
    size: 130,
    splits: () => lanes.map((_, lane) => -lane),
    values: () => lanes.map((subject) => (subject.length > 14 ? `${subject.slice(0, 13)}…` : subject)),
  };
  const scale = { range: (): [number, number] => [0.5 - lanes.length, 0.5] };
  return (
    <ScatterPlot
      key={lanes.join('\n')}
      series={SERIES}
      points={points}
      label={`${refreshes} refreshes over time, and other changes, of ${lanes.join(', ')}`}
      height={44 + 26 * lanes.length}
      axis={axis}
      scale={scale}
    />
  );
}

function seriesOf(event: GrantEvent): number {
  if (event.change === 'refreshed') return 0;
  const tone = toneOf(event);
  return tone === 'bad' ? 3 : tone === 'attention' ? 2 : 1;
}
