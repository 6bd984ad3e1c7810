import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BUNDLE_FILE, bundle } from '../../infra/bundling/bundle.ts';
import { CONNECTIONS_FILE, ENVIRONMENT } from '../../shared/contract/names.ts';
import { connectionsBeside } from '../support/connections-beside.ts';
import { twoClients } from './deployed.ts';
import { spread, type Topic } from './topic.ts';

const run = promisify(execFile);

const RUNS = 15;

const CONNECTIONS = { 'crash-symbols': { vendor: 'bugsplat', scope: 'symbols' } };

/** What Lambda does at a cold start before the first request: each import in a new process, without a cache. */
export const coldImport: Topic = {
  title: 'Cold start: import of a bundle as it is deployed',
  async measure() {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    try {
      const files = {
        empty: join(folder, 'empty.cjs'),
        clients: join(folder, 'clients.cjs'),
        bundle: join(folder, BUNDLE_FILE),
      };
      await writeFile(files.empty, '');
      await writeFile(files.clients, twoClients());
      await writeFile(files.bundle, bundle('token-https').code);
      await writeFile(join(folder, CONNECTIONS_FILE), connectionsBeside(CONNECTIONS));
      const times: Record<keyof typeof files, Cost[]> = { empty: [], clients: [], bundle: [] };
      // In turns, so that whatever else the machine does hits all alike.
      for (let count = 0; count < RUNS; count += 1)
        for (const [name, path] of Object.entries(files))
          times[name as keyof typeof files].push(await importCost(path));
      const row = (what: string, of: Cost[], kind: keyof Cost, comparedWith?: string) => ({
        what: `${what}, ${kind}`,
        unit: 'ms' as const,
        ...spread(of.map((cost) => cost[kind])),
        ...(comparedWith && { comparedWith: `${comparedWith}, ${kind}`, goal: { atMost: 0.7 } }),
      });
      return (['wall', 'cpu'] as const).flatMap((kind) => [
        row('an empty module', times.empty, kind),
        row('two AWS SDK clients alone', times.clients, kind),
        row('token-https', times.bundle, kind, 'two AWS SDK clients alone'),
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** Milliseconds: on the wall, and of the processor. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

async function importCost(path: string): Promise<Cost> {
  // As Lambda's runtime loads a file of this kind.
  const script = `const t=performance.now(),c=process.cpuUsage();require(${JSON.stringify(path)});const {user,system}=process.cpuUsage(c);console.log(JSON.stringify({wall:performance.now()-t,cpu:(user+system)/1000}));process.exit()`;
  const { stdout } = await run(process.execPath, ['-e', script], { env: environment() });
  return JSON.parse(stdout) as Cost;
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
