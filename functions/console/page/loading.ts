import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Failed } from './api.ts';

export interface Loaded<Value> {
  /** The last that came, also while a later attempt fails. */
  readonly value: Value | undefined;
  readonly failure: Failed | undefined;
  reload(): void;
}

/**
 * Loads at once, and again whenever `dependencies` change and `every` so many milliseconds while the page is seen.
 * What was asked for earlier and comes later is dropped.
 */
export function useLoaded<Value>(
  load: () => Promise<Value>,
  dependencies: readonly unknown[],
  every?: number,
): Loaded<Value> {
  const [value, setValue] = useState<Value>();
  const [failure, setFailure] = useState<Failed>();
  const turn = useRef(0);
  const reload = useCallback(() => {
    turn.current += 1;
    const mine = turn.current;
    const current = (act: () => void) => mine === turn.current && act();
    load().then(
      (loaded) =>
        current(() => {
          setValue(loaded);
          setFailure(undefined);
        }),
      (error: unknown) => current(() => setFailure(asFailed(error))),
    );
  }, dependencies);
  useEffect(() => {
    reload();
    const timer = every && setInterval(() => document.hidden || reload(), every);
    return () => clearInterval(timer);
  }, [reload, every]);
  return { value, failure, reload };
}

/** Something that a person sets off: whether it is under way, and how it failed. */
export function useAction<Arguments extends unknown[]>(act: (...parameters: Arguments) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failed>();
  const run = async (...parameters: Arguments) => {
    setBusy(true);
    setFailure(undefined);
    try {
      await act(...parameters);
    } catch (error) {
      setFailure(asFailed(error));
    }
    setBusy(false);
  };
  return { run, busy, failure };
}

/** @throws the error itself when it is a defect */
function asFailed(error: unknown): Failed {
  if (error instanceof Failed) return error;
  throw error;
}
