/** What the broker did lately, where the server can watch it; every part of the page looks at the same. */
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { ActivityEntry, Minute } from '../messages.ts';
import { api } from './api.ts';

export interface Watched {
  /** Oldest first; `undefined` where the broker cannot be watched. */
  readonly entries: readonly ActivityEntry[] | undefined;
  readonly history: Readonly<Record<string, readonly Minute[]>>;
  /** What became of grants, oldest first. */
  readonly grants: readonly ActivityEntry[];
  /** The last entry that may have changed something. */
  readonly lastChange: number;
}

const UNWATCHED: Watched = { entries: undefined, history: {}, grants: [], lastChange: 0 };
const MOST_ENTRIES = 1_000;
/** Milliseconds. */
const EVERY = 2_000;

export const WatchedContext = createContext(UNWATCHED);
export const useWatched = () => useContext(WatchedContext);

export function useWatch(isWatched: boolean): Watched {
  const [watched, setWatched] = useState(UNWATCHED);
  useEffect(() => {
    if (!isWatched) return;
    let entries: readonly ActivityEntry[] = [];
    const look = async () => {
      const answer = await api.activity(entries.at(-1)?.number ?? 0);
      entries = [...entries, ...answer.entries].slice(-MOST_ENTRIES);
      const lastChange = entries.findLast(({ event }) => changes(event))?.number ?? 0;
      setWatched({ entries, history: answer.history, grants: answer.grants, lastChange });
    };
    // A server that is away is told of where something is asked for.
    const tryToLook = () => document.hidden || look().catch(() => undefined);
    look().catch(() => undefined);
    const timer = setInterval(tryToLook, EVERY);
    return () => clearInterval(timer);
  }, [isWatched]);
  return watched;
}

/** The page's own looking is no reason to look again. */
function changes(event: ActivityEntry['event']): boolean {
  return event.type !== 'audit' || event.action !== 'read';
}
