import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutant } from './list.ts';

/** Seeds that a mutant is given to be noticed in. */
const SEEDS = 2_000;

/** A mutant that hangs has been noticed, too; milliseconds. */
const PATIENCE = 300_000;

/** Breaks the copy, asks whoever should notice, and mends the copy. */
export async function isCaught({ file, find, replace, caughtBy }: Mutant, root: string): Promise<boolean> {
  const path = join(root, file);
  const sound = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    sound.replace(find, () => replace),
  );
  try {
    const program =
      caughtBy === 'simulation'
        ? ['test/simulation/run.ts', '--count', String(SEEDS)]
        : ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', caughtBy];
    return !(await succeeds(program, root));
  } finally {
    writeFileSync(path, sound);
  }
}

function succeeds(program: readonly string[], cwd: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = { cwd, timeout: PATIENCE, maxBuffer: 2 ** 28 };
  execFile(process.execPath, program, options, (error) => resolve(error === null));
  return promise;
}
