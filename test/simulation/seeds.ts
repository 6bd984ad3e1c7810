/** Seeds, played in a process of their own: the broker's jitter is theirs alone there. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Findings } from './run.ts';

export type { Findings } from './run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Many seeds, or one; `printed` is all that the program said. `root`: where the broker to be played is. */
export function play(
  what: { readonly from: number; readonly count: number } | { readonly seed: number },
  root: string = ROOT,
): Promise<Findings & { readonly printed: string }> {
  const range = 'seed' in what ? { seed: what.seed } : what;
  const options = Object.entries(range).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const program = ['test/simulation/run.ts', ...options, ...('seed' in what ? [] : ['--all'])];
  const { promise, resolve, reject } = Promise.withResolvers<Findings & { printed: string }>();
  execFile(process.execPath, program, { cwd: root, maxBuffer: 2 ** 28 }, (error, printed, complaint) => {
    const last = printed.trimEnd().split('\n').at(-1) ?? '';
    if (last.startsWith('{"seeds"')) resolve({ ...(JSON.parse(last) as Findings), printed });
    else reject(error ?? new Error(complaint));
  });
  return promise;
}
