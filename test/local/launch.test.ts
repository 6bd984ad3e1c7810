import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const LAUNCH = new URL('../../functions/local/launch.js', import.meta.url).pathname;

/** What Node.js says of its compile cache. */
function usage() {
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env;
  const env = { ...environment, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const { stdout, stderr } = spawnSync(process.execPath, [LAUNCH, '--help'], { env, encoding: 'utf8' });
  return { stdout, stderr };
}

test('npm start runs the local program, and a later start takes no TypeScript out of its sources again', () => {
  expect(usage().stdout).toContain('Usage: npm start --');
  const taken = usage().stderr.matchAll(/retrieving transpile cache for .*\/(functions\/.*\.ts)\.\.\.(\w+)/g);
  expect([...taken].map(([, file, outcome]) => [file, outcome])).toEqual([
    ['functions/local/main.ts', 'success'],
    ['functions/local/options.ts', 'success'],
  ]);
});
