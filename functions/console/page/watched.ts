/** What the broker did lately, where the server can watch it; every part of the page looks at the same. */
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { About, ActivityEntry, Minute } from '../messages.ts';
import { api, type Failed } from './api.ts';

export interface Watched {
  /** Oldest first; `undefined` until they are known. */
  readonly entries: readonly ActivityEntry[] | undefined;
  readonly history: Readonly<Record<string, readonly Minute[]>>;
  /** What became of grants, oldest first. */
  readonly grants: readonly ActivityEntry[];
  /** The last entry that may have changed something. */
  readonly lastChange: number;
  /** Why the last look failed. */
  readonly failure?: Failed;
}

const UNWATCHED: Watched = { entries: undefined, history: {}, grants: [], lastChange: 0 };
const MOST_ENTRIES = 1_000;
/** Milliseconds. Logs are queried once a minute at most. */
const EVERY: Readonly<Record<About['watched'], number>> = { process: 2_000, logs: 60_000 };

export const WatchedContext = createContext(UNWATCHED);
export const useWatched = () => useContext(WatchedContext);

/** @param from `undefined` while it is not known */
export function useWatch(from: About['watched'] | undefined): Watched {
  const [watched, setWatched] = useState(UNWATCHED);
  useEffect(() => {
    if (!from) return;
    let entries: readonly ActivityEntry[] = [];
    const look = async () => {
      const answer = await api.activity(entries.at(-1)?.number ?? 0);
      // Of two looks at once, both bring the same.
      const last = entries.at(-1)?.number ?? 0;
      const fresh = answer.entries.filter(({ number }) => number > last);
      entries = [...entries, ...fresh].slice(-MOST_ENTRIES);
      const lastChange = entries.findLast(({ event }) => changes(event))?.number ?? 0;
      setWatched({ entries, history: answer.history, grants: answer.grants, lastChange });
    };
    const failed = (failure: Failed) => setWatched((before) => ({ ...before, failure }));
    const tryToLook = () => document.hidden || look().catch(failed);
    look().catch(failed);
    const timer = setInterval(tryToLook, EVERY[from]);
    return () => clearInterval(timer);
  }, [from]);
  return watched;
}

/** The page's own looking is no reason to look again. */
function changes(event: ActivityEntry['event']): boolean {
  return event.type !== 'audit' || event.action !== 'read';
}
