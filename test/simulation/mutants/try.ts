import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { play } from '../seeds.ts';
import type { Mutant } from './list.ts';

/** Seeds that a mutant is given to be noticed in. */
const SEEDS = 2_000;

/** Breaks the copy, asks whoever should notice, and mends the copy. A program that fails to run notices nothing. */
export async function isCaught({ file, find, replace, caughtBy }: Mutant, root: string): Promise<boolean> {
  const path = join(root, file);
  const sound = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    sound.replace(find, () => replace),
  );
  try {
    return caughtBy === 'simulation' ? await breaksAnInvariant(root) : await failsATest(caughtBy, root);
  } finally {
    writeFileSync(path, sound);
  }
}

async function breaksAnInvariant(root: string): Promise<boolean> {
  const { broken } = await play({ from: 0, count: SEEDS, untilBroken: true }, root);
  return Object.keys(broken).length > 0;
}

async function failsATest(file: string, root: string): Promise<boolean> {
  const program = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', file];
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, program, { cwd: root, maxBuffer: 2 ** 28 }, (_, printed) => resolve(printed));
  return /Tests .*\d+ failed/.test(await promise);
}
