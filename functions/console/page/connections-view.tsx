import type { ConnectionAnswer } from '../../../shared/contract/messages.ts';
import { stateOf } from '../../cli/words.ts';
import { api } from './api.ts';
import { useLoaded } from './loading.ts';
import { LastFailure, Problem, Sparkline, State, TimeLeft } from './parts.tsx';
import { inWords, toneOfConnection } from './states.ts';
import { useWatched } from './watched.ts';

/** Milliseconds: each look is a request that the broker records. Where it is watched, changes come by themselves. */
const EVERY = 30_000;

export function ConnectionsView() {
  const { history, lastChange } = useWatched();
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
      {connections?.length === 0 && <p>There is no connection that you may use.</p>}
      <ul class="rows">
        {connections?.map((each) => (
          <Row key={each.connection} listed={each} minutes={history[each.connection]} />
        ))}
      </ul>
    </>
  );
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
