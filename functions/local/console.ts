import type { Activity } from '../console/activity.ts';
import type { Console } from '../console/console.ts';
import type { Origins } from '../console/vendors.ts';
import type { Registered } from './registry.ts';

/**
 * The console of the broker in this process. It is loaded when somebody opens it: the broker is to be ready at once.
 * @param about a promise, because the broker's own address is known only once it listens
 * @param vendors absent where none is simulated
 */
export function localConsole(
  about: Promise<Registered>,
  activity: Activity,
  vendors: Origins | undefined,
): Console {
  let loaded: Promise<Console> | undefined;
  return async (request) => {
    loaded ??= load(about, activity, vendors);
    return (await loaded)(request);
  };
}

async function load(
  about: Promise<Registered>,
  activity: Activity,
  vendors: Origins | undefined,
): Promise<Console> {
  const [{ createConsole }, { localTarget }] = await Promise.all([
    import('../console/console.ts'),
    import('../cli/target.ts'),
  ]);
  const entry = await about;
  const target = await localTarget(new URL(entry.url), {}, entry);
  return createConsole({ target, key: entry.consoleKey, activity, ...(vendors && { vendors }) });
}
