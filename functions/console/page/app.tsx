import { useEffect, useState } from 'preact/hooks';
import type { About } from '../messages.ts';
import { ActivityView } from './activity-view.tsx';
import { api, keyOfTab } from './api.ts';
import { ConnectionView } from './connection-view.tsx';
import { ConnectionsView } from './connections-view.tsx';
import { DoctorView } from './doctor-view.tsx';
import { useLoaded } from './loading.ts';
import { Problem } from './parts.tsx';
import { VendorsView } from './vendors-view.tsx';
import { useWatch, WatchedContext } from './watched.ts';

export function App() {
  const [key, setKey] = useState(keyOfTab);
  // An address with a key may be opened in a tab that has one, and a key may turn out to be too old.
  useHash(() => setKey(keyOfTab()));
  return key === undefined ? <Locked /> : <Unlocked key={key} />;
}

function Locked() {
  return (
    <main class="narrow">
      <h1>Token broker</h1>
      <p>
        This page opens with the address that <code>npm start</code> or <code>token-broker console</code>{' '}
        printed: what stands after <code>#</code> is its key.
      </p>
      <p class="small">So nobody else on this machine, and no other site, can use it.</p>
    </main>
  );
}

function Unlocked() {
  const { value: about, failure } = useLoaded(api.about, []);
  const watched = useWatch(about?.watched);
  const route = useRoute();
  return (
    <WatchedContext.Provider value={watched}>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <Header about={about} current={route[0]} />
      <main id="main" tabIndex={-1}>
        <Problem failure={failure} />
        {about && <View route={route} about={about} />}
      </main>
    </WatchedContext.Provider>
  );
}

function View({ route: [view, name], about }: { route: readonly string[]; about: About }) {
  switch (view) {
    case 'connection':
      return <ConnectionView key={name} name={name!} about={about} />;
    case 'activity':
      return <ActivityView about={about} />;
    case 'vendors':
      return <VendorsView />;
    case 'doctor':
      return <DoctorView />;
    default:
      return <ConnectionsView />;
  }
}

function Header({ about, current }: { about: About | undefined; current: string | undefined }) {
  const views = {
    '': 'Connections',
    activity: 'Activity',
    ...(about?.simulated && { vendors: 'Vendors' }),
    doctor: 'Doctor',
  };
  return (
    <header>
      <p class="name">
        <img src="/console/icon.svg" alt="" width="24" height="24" /> Token broker{' '}
        {about && (
          <span class="small">{about.isLocal ? `on this machine, ${about.broker}` : about.broker}</span>
        )}
      </p>
      <nav aria-label="Views">
        {Object.entries(views).map(([path, title]) => (
          <a key={path} href={`#/${path}`} aria-current={path === (current ?? '') ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}

/** The parts of `#/connection/NAME`. */
function useRoute(): readonly string[] {
  const read = () => location.hash.replace(/^#\/?/, '').split('/');
  const [route, setRoute] = useState(read);
  useHash(() => setRoute(read()));
  return route;
}

function useHash(changed: () => void): void {
  useEffect(() => {
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
}
