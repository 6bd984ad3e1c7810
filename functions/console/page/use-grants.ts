import { useEffect, useRef, useState } from 'preact/hooks';
import type { GrantAnswer } from '../../../shared/contract/messages.ts';
import { api } from './api.ts';
import { useAction } from './loading.ts';
import { useWatched } from './watched.ts';

/** The grants of a connection, page by page; whenever one of them changes, as many as were there are loaded anew. */
export function useGrants(connection: string) {
  const [grants, setGrants] = useState<readonly GrantAnswer[]>();
  const [cursor, setCursor] = useState<string>();
  const { grants: changes } = useWatched();
  const last = changes.findLast(({ event }) => 'connection' in event && event.connection === connection);
  const turn = useRef(0);
  const { run, busy, failure } = useAction(async (before: readonly GrantAnswer[], from?: string) => {
    turn.current += 1;
    const mine = turn.current;
    const all = [...before];
    let next = from;
    do {
      const answer = await api.grants(connection, next);
      all.push(...answer.grants);
      next = answer.cursor;
    } while (next !== undefined && all.length < (grants?.length ?? 0));
    // What was asked for later counts.
    if (mine !== turn.current) return;
    setGrants(all);
    setCursor(next);
  });
  const reload = () => run([]);
  useEffect(() => {
    reload();
  }, [connection, last?.number]);
  /** Absent: there is no more. */
  const more = cursor === undefined ? undefined : () => run(grants ?? [], cursor);
  return { grants, more, reload, busy, failure };
}
