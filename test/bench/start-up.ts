import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { medianTime, type Topic } from './topic.ts';

const RUNS = 5;
const MAIN = 'functions/local/main.ts';
const root = new URL('../..', import.meta.url).pathname;

/** From the command to the moment at which it has printed how to get a token. */
export const startUp: Topic = {
  title: 'Start: until the whole broker with four simulated vendors is ready, from an empty data folder',
  async measure() {
    const node = await medianTime(RUNS, () => once(start(process.execPath, ['-e', '0']), 'close'));
    const program = await medianTime(RUNS, () => untilReady(process.execPath, [MAIN]));
    const npm = await medianTime(RUNS, () => untilReady('npm', ['start', '--silent', '--']));
    return [
      { what: 'node -e 0', value: node, unit: 'ms' },
      { what: `node ${MAIN}`, value: program, unit: 'ms', comparedWith: 'node -e 0' },
      { what: 'npm start', value: npm, unit: 'ms', comparedWith: 'node -e 0', goal: { atMost: 15 } },
    ];
  },
};

async function untilReady(command: string, args: readonly string[]): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'bench-'));
  const child = start(command, [...args, '--port', '0', '--aws-port', '0', '--data', data]);
  try {
    await printed(child, 'Ctrl+C stops it');
  } finally {
    // The whole group: npm's child is the broker.
    process.kill(-child.pid!, 'SIGKILL');
    await once(child, 'close');
    await rm(data, { recursive: true, force: true });
  }
}

function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
}

async function printed(child: ChildProcess, text: string): Promise<void> {
  let output = '';
  for await (const chunk of child.stdout!) {
    output += chunk;
    if (output.includes(text)) return;
  }
  throw new Error(`It ended before it was ready:\n${output}`);
}
