import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spread, type Topic } from './topic.ts';

const RUNS = 7;
const root = new URL('../..', import.meta.url).pathname;

/** From the command to the moment at which it has printed how to get a token. */
export const startUp: Topic = {
  title: 'Start: until the whole broker with four simulated vendors is ready, from an empty data folder',
  async measure() {
    const node: number[] = [];
    const first: number[] = [];
    const later: number[] = [];
    // For what it leaves to later ones.
    await npmStart();
    for (let run = 0; run < RUNS; run += 1) {
      node.push(await emptyProgram());
      first.push(await withFolder((cache) => npmStart({ NODE_COMPILE_CACHE: cache })));
      later.push(await npmStart());
    }
    const base = 'node -e 0';
    return [
      { what: base, unit: 'ms', ...spread(node) },
      { what: 'npm start, the first after npm ci', unit: 'ms', ...spread(first), comparedWith: base },
      { what: 'npm start', unit: 'ms', ...spread(later), comparedWith: base, goal: { atMost: 15 } },
    ];
  },
};

async function emptyProgram(): Promise<number> {
  const begun = performance.now();
  await once(start(process.execPath, ['-e', '0']), 'close');
  return performance.now() - begun;
}

const npmStart = (environment = {}) => withFolder((data) => untilReady(data, environment));

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** In milliseconds. It is stopped as by Ctrl+C, since what is killed keeps nothing of what Node.js compiled. */
async function untilReady(data: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const begun = performance.now();
  const options = ['--port', '0', '--aws-port', '0', '--data', data];
  const child = start('npm', ['start', '--silent', '--', ...options], environment);
  const closed = once(child, 'close');
  try {
    await printed(child, 'Ctrl+C stops it');
    return performance.now() - begun;
  } finally {
    // The whole group: npm's child is the broker.
    process.kill(-child.pid!, 'SIGINT');
    await closed;
  }
}

function start(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const env = { ...process.env, ...environment };
  return spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
}

async function printed(child: ChildProcess, text: string): Promise<void> {
  let output = '';
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
    output += chunk;
    if (output.includes(text)) return;
  }
  throw new Error(`It ended before it was ready:\n${output}`);
}
