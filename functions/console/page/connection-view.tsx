import { stateOf } from '../../cli/words.ts';
import type { About, ActivityEntry } from '../messages.ts';
import { Access } from './access.tsx';
import { api } from './api.ts';
import { GrantList } from './grant-list.tsx';
import { LatencyPlot } from './latency-plot.tsx';
import { useLoaded } from './loading.ts';
import { Facts, LastFailure, Problem, Sparkline, State, TimeLeft } from './parts.tsx';
import { RefreshPlot } from './refresh-plot.tsx';
import { inWords, toneOfConnection } from './states.ts';
import { TryIt } from './try-it.tsx';
import { useWatched } from './watched.ts';

export function ConnectionView({ name, about }: { name: string; about: About }) {
  const { entries, history, grants, lastChange } = useWatched();
  const { value: listed, failure } = useLoaded(() => api.connection(name), [name, lastChange]);
  const isOwn = ({ event }: ActivityEntry) => 'connection' in event && event.connection === name;
  const own = entries?.filter(isOwn);
  const changes = grants.filter(isOwn);
  const minutes = entries && (history[name] ?? []);
  return (
    <>
      <p class="small">
        <a href="#/">Connections</a>
      </p>
      <h1>{name}</h1>
      <Problem failure={failure} />
      {listed && (
        <>
          <p class="glance">
            <State tone={toneOfConnection(listed)}>{inWords(stateOf(listed))}</State>
            {!listed.grants && <TimeLeft until={listed.expires_at} since={listed.last_refresh} />}
            {minutes && <Sparkline minutes={minutes} />}
          </p>
          {listed.last_failure && <LastFailure failure={listed.last_failure} connection={name} />}
          <Facts
            pairs={{
              Vendor: listed.vendor,
              Grant: inWords(listed.grant_type.split(':').at(-1)!),
              'Default scope': listed.scope,
              'Allowed scopes': listed.scopes.join(', '),
              'API hosts': listed.api_hosts.join(', '),
              Owner: listed.owner,
            }}
          />
          {listed.grants ? (
            <GrantList connection={name} />
          ) : (
            <section aria-labelledby="try">
              <h2 id="try">Try it</h2>
              <TryIt connection={name} />
            </section>
          )}
        </>
      )}
      {changes.length > 0 && (
        <section aria-labelledby="changes">
          <h2 id="changes">Refreshes and consents</h2>
          <RefreshPlot entries={changes} />
        </section>
      )}
      {own && own.length > 0 && (
        <section aria-labelledby="latency">
          <h2 id="latency">How long it took</h2>
          <LatencyPlot entries={own} />
        </section>
      )}
      {listed && about.access && <Access connection={name} />}
    </>
  );
}
