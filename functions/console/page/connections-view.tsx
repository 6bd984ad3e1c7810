import type { ConnectionAnswer } from '../../../shared/contract/messages.ts';
import { stateOf } from '../../cli/words.ts';
import { api } from './api.ts';
import { useLoaded } from './loading.ts';
import { LastFailure, Problem, Sparkline, State, TimeLeft, type Tone } from './parts.tsx';
import { inWords, toneOfConnection } from './states.ts';
import { useWatched } from './watched.ts';

/** Milliseconds: each look is a request that the broker records. Where it is watched, changes come by themselves. */
const EVERY = 30_000;

export function ConnectionsView() {
  const { entries, history, lastChange } = useWatched();
  const { value: connections, failure, reload } = useLoaded(api.connections, [lastChange], EVERY);
  return (
    <>
      <div class="title">
        <h1>Connections</h1>
        <button type="button" class="plain" onClick={reload}>
          Look again
        </button>
      </div>
      <Problem failure={failure} />
      {connections && <p role="status">{summary(connections)}</p>}
      <ul class="rows">
        {connections && connections.length > 0 && <Headings watched={entries !== undefined} />}
        {connections?.map((each) => (
          <Row key={each.connection} listed={each} minutes={entries && (history[each.connection] ?? [])} />
        ))}
      </ul>
    </>
  );
}

/** The cells' meaning for whoever sees them in columns; each says its own to whoever does not. */
function Headings({ watched }: { watched: boolean }) {
  return (
    <li class="row connection headings" aria-hidden="true">
      <span class="main">Connection</span>
      <span class="how">State</span>
      <span class="time">Token</span>
      {watched && <span class="hour">Last hour</span>}
    </li>
  );
}

/** What wants somebody comes first. */
const SUMMED: readonly (readonly [Tone, string])[] = [
  ['bad', 'in trouble'],
  ['attention', 'to look at'],
  ['good', 'well'],
  ['quiet', 'idle'],
];

function summary(connections: readonly ConnectionAnswer[]): string {
  if (connections.length === 0) return 'There is no connection that you may use.';
  const tones = connections.map(toneOfConnection);
  const counted = SUMMED.map(
    ([tone, words]) => [tones.filter((each) => each === tone).length, words] as const,
  );
  const shown = counted.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
  return `${connections.length} connections: ${shown.join(', ')}.`;
}

type Minutes = Parameters<typeof Sparkline>[0]['minutes'];

function Row({ listed, minutes }: { listed: ConnectionAnswer; minutes: Minutes | undefined }) {
  const { connection, vendor, grant_type, grants, expires_at, last_refresh, last_failure } = listed;
  return (
    <li class="row connection">
      <a class="main" href={`#/connection/${connection}`}>
        {connection}
      </a>
      <span class="small about">
        {/* The device grant's own name is a URN of 44 characters. */}
        {vendor} · {inWords(grant_type?.split(':').at(-1) ?? '')}
      </span>
      <span class="how">
        <State tone={toneOfConnection(listed)}>{inWords(stateOf(listed))}</State>
      </span>
      <span class="time">{!grants && <TimeLeft until={expires_at} since={last_refresh} />}</span>
      <span class="hour">{minutes && <Sparkline minutes={minutes} />}</span>
      {last_failure && <LastFailure failure={last_failure} connection={connection} />}
    </li>
  );
}
