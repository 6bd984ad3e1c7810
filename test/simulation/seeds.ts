/** Seeds, played in a process of their own: the broker's jitter is theirs alone there. */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Findings } from './run.ts';

export type { Findings } from './run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Seeds {
  readonly from: number;
  readonly count: number;
  /** Ends at the first seed that breaks an invariant. */
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

/**
 * Seeds from 0 on, in as many processes at a time as there are cores.
 * @param portion seeds a process: few enough that a slow one is not waited for long at the end
 * @returns `broken`: the seeds by the invariant that each breaks
 */
export async function playAll(
  count: number,
  portion: number,
): Promise<{ seeds: number; broken: [string, readonly number[]][] }> {
  const portions = Array.from({ length: count / portion }, (_, index) => index * portion).values();
  const found: Findings[] = [];
  const work = async () => {
    for (const from of portions) found.push(await play({ from, count: portion }));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return {
    seeds: found.reduce((sum, { seeds }) => sum + seeds, 0),
    broken: found.flatMap((findings) => Object.entries(findings.broken)),
  };
}
