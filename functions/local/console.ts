import type { Connections } from '../console/access.ts';
import type { Activity } from '../console/activity.ts';
import type { Console } from '../console/console.ts';
import type { Origins } from '../console/vendors.ts';
import type { Registered } from './registry.ts';

/** What the console sees of the broker because it is in the same process. */
interface Watched {
  readonly activity: Activity;
  readonly connections: Connections;
  /** Absent where none is simulated. */
  readonly vendors?: Origins;
}

/**
 * The console of the broker in this process. It is loaded when somebody opens it: the broker is to be ready at once.
 * @param about a promise, because the broker's own address is known only once it listens
 */
export function localConsole(about: Promise<Registered>, watched: Watched): Console {
  let loaded: Promise<Console> | undefined;
  return async (request) => {
    loaded ??= load(about, watched);
    return (await loaded)(request);
  };
}

async function load(about: Promise<Registered>, watched: Watched): Promise<Console> {
  const [{ createConsole }, { localTarget }] = await Promise.all([
    import('../console/console.ts'),
    import('../cli/target.ts'),
  ]);
  const entry = await about;
  const target = await localTarget(new URL(entry.url), {}, entry);
  return createConsole({ target, key: entry.consoleKey, ...watched });
}
