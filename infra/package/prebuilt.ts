/** Stands in for `bundling/build.ts` in the npm package: the bundles are in it, so that its users need no esbuild. */
import { readFileSync } from 'node:fs';
import type { Bundle, Program } from '../bundling/programs.ts';

export function build(program: Program): Bundle {
  // Relative to the package's `infra/cdk/index.js`.
  return { code: readFileSync(new URL(`../../functions/${program}.cjs`, import.meta.url)), inputs: {} };
}
