import { useState } from 'preact/hooks';
import type { About, ActivityEntry } from '../messages.ts';
import { type Described, describe, KINDS, type Kind } from './described.ts';
import { durationsInWords, LatencyPlot } from './latency-plot.tsx';
import { Problem, State } from './parts.tsx';
import { useWatched } from './watched.ts';

/** Rows that are shown; the plot has them all. */
const MOST_ROWS = 200;

export function ActivityView({ about }: { about: About }) {
  const { failure } = useWatched();
  return (
    <>
      <h1>Activity</h1>
      {about.watched === 'logs' && (
        <p class="small">
          Of the last hour, from the functions’ logs in CloudWatch, once a minute while this page is open.
        </p>
      )}
      <Problem failure={failure} />
      <Watched />
    </>
  );
}

function Watched() {
  const { entries, failure } = useWatched();
  const [kind, setKind] = useState<Kind>('changes');
  const [wanted, setWanted] = useState('');
  if (!entries) return failure ? null : <p role="status">Looking …</p>;
  const shown = entries.filter((entry) => KINDS[kind].includes(entry) && matches(entry, wanted));
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Show
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
            {Object.entries(KINDS).map(([name, { title }]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          With
          <input
            type="search"
            placeholder="connection, caller, error …"
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
        </label>
      </form>
      <p role="status">{summary(shown)}</p>
      {shown.length > 0 && <LatencyPlot entries={shown} />}
      <ol class="rows" reversed>
        {shown
          .slice(-MOST_ROWS)
          .reverse()
          .map((entry) => (
            <Row key={entry.number} {...describe(entry)} />
          ))}
      </ol>
      {shown.length > MOST_ROWS && <p class="small">The last {MOST_ROWS} are listed.</p>}
    </>
  );
}

function Row({ time, tone, outcome, what, details }: Described) {
  return (
    <li class="row event">
      <time class="small" dateTime={time.toISOString()}>
        {time.toLocaleTimeString()}
      </time>
      <span class="how">
        <State tone={tone}>{outcome}</State>
      </span>
      <span class="main">{what}</span>
      <span class="small about">{details}</span>
    </li>
  );
}

function matches({ event }: ActivityEntry, wanted: string): boolean {
  const text = Object.values(event).join('\n').toLowerCase();
  return text.includes(wanted.trim().toLowerCase());
}

/** What a burst did. */
function summary(entries: readonly ActivityEntry[]): string {
  if (entries.length === 0) return 'Nothing of this kind yet: ask for a token, and it shows here.';
  const events = entries.map(({ event }) => event);
  const requests = events.filter((event) => event.type === 'audit');
  const from = (source: string) =>
    requests.filter((event) => event.outcome === 'success' && event.source === source).length;
  const failed = requests.filter(({ outcome }) => outcome !== 'success').length;
  const calls = events.filter(({ type }) => type === 'vendor_call').length;
  const durations =
    requests.length > 0
      ? ` Of the requests ${durationsInWords(requests.map(({ duration }) => duration))}`
      : '';
  return `${requests.length} requests: ${from('memory')} from memory, ${from('table')} from the table, ${from('vendor')} from the vendor, ${failed} failed. ${calls} vendor calls.${durations}`;
}
