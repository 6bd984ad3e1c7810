/** Seeds, played in a process of their own: the broker's jitter is theirs alone there. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Findings } from './run.ts';

export type { Findings } from './run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Seeds {
  readonly from: number;
  readonly count: number;
  /** Ends at the first seed that breaks an invariant which is not in `not-yet.ts`. */
  readonly untilBroken?: boolean;
}

/** Many seeds, or one; `printed` is all that the program said. `root`: where the broker to be played is. */
export function play(
  what: Seeds | { readonly seed: number },
  root: string = ROOT,
): Promise<Findings & { readonly printed: string }> {
  const options =
    'seed' in what
      ? ['--seed', String(what.seed)]
      : ['--from', String(what.from), '--count', String(what.count), ...(what.untilBroken ? [] : ['--all'])];
  const program = ['test/simulation/run.ts', ...options];
  const { promise, resolve, reject } = Promise.withResolvers<Findings & { printed: string }>();
  execFile(process.execPath, program, { cwd: root, maxBuffer: 2 ** 28 }, (error, printed, complaint) => {
    const last = printed.trimEnd().split('\n').at(-1) ?? '';
    if (last.startsWith('{"seeds"')) resolve({ ...(JSON.parse(last) as Findings), printed });
    else reject(error ?? new Error(complaint));
  });
  return promise;
}
