import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { bundle } from '../../infra/bundling/bundle.ts';
import { CONNECTIONS_FILE, ENVIRONMENT } from '../../shared/contract/names.ts';
import { median, type Topic } from './topic.ts';

const run = promisify(execFile);

const RUNS = 15;

const CONNECTIONS = { connections: { 'crash-symbols': { vendor: 'bugsplat', scope: 'symbols' } } };

/** What Lambda does at a cold start before the first request: each import in a new process, without a cache. */
export const coldImport: Topic = {
  title: 'Cold start: import of a bundle as it is deployed',
  async measure() {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    try {
      const empty = join(folder, 'empty.mjs');
      const functions = join(folder, 'index.mjs');
      await writeFile(empty, '');
      await writeFile(functions, bundle('token-https').code);
      await writeFile(join(folder, CONNECTIONS_FILE), JSON.stringify(CONNECTIONS));
      const times: { empty: number[]; bundle: number[] } = { empty: [], bundle: [] };
      // In turns, so that whatever else the machine does hits both alike.
      for (let count = 0; count < RUNS; count += 1) {
        times.empty.push(await importTime(empty));
        times.bundle.push(await importTime(functions));
      }
      return [
        { what: 'an empty module', value: median(times.empty), unit: 'ms' },
        { what: 'token-https', value: median(times.bundle), unit: 'ms', comparedWith: 'an empty module' },
      ];
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** Milliseconds. */
async function importTime(path: string): Promise<number> {
  const url = JSON.stringify(pathToFileURL(path).href);
  const script = `const t=performance.now();import(${url}).then(()=>{console.log(performance.now()-t);process.exit()})`;
  const { stdout } = await run(process.execPath, ['-e', script], { env: environment() });
  return Number(stdout);
}

function environment(): Record<string, string> {
  const names = Object.values(ENVIRONMENT).map((name) => [name, name === ENVIRONMENT.shards ? '4' : 'bench']);
  return {
    ...Object.fromEntries(names),
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
  };
}
