import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildPage } from '../../functions/console/build-page.ts';
import { embeddedPage } from '../../functions/console/embedded-page.ts';

const root = new URL('../..', import.meta.url).pathname;

/** What tests start as processes of their own, hundreds of times in a run. */
const PROGRAMS = ['functions/cli/main', 'functions/local/main'] as const;

/** The compiled program within a test run, its source elsewhere (in the benchmarks). */
export function programOf(name: (typeof PROGRAMS)[number]): string {
  const { COMPILED_PROGRAMS: compiled } = process.env;
  return compiled ? join(compiled, `${name}.js`) : join(root, `${name}.ts`);
}

/**
 * Compiled once for a run, as for npm, because the programs then start in half of the time or less.
 * Below node_modules, so that the packages that are not compiled in are found.
 */
export default async function compilePrograms(): Promise<() => void> {
  const folder = mkdtempSync(join(mkdirs(join(root, 'node_modules/.test-programs')), 'run-'));
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS.map((program) => `${program}.ts`),
    outbase: root,
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    // They have a native part.
    external: ['dynalite', 'classic-level'],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    plugins: [embeddedPage(await buildPage())],
    logLevel: 'silent',
  });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  process.env.COMPILED_PROGRAMS = folder;
  return () => rmSync(folder, { recursive: true });
}

function mkdirs(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
