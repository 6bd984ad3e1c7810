import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;

/**
 * The command line compiled as it is for npm: a test file runs it many times, and it starts four times as fast.
 * Below node_modules, so that the packages that it loads when it needs them are found.
 */
export function compiledCli(): string {
  const folder = mkdtempSync(join(root, 'node_modules/.cli-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const outfile = join(folder, 'functions/cli/main.js');
  buildSync({
    absWorkingDir: root,
    entryPoints: ['functions/cli/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
  });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  return outfile;
}
