import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { programOf } from './compile-programs.ts';

const MAIN = programOf('functions/local/main');

/** Where brokers and commands of one test process find each other. */
export const STATE_HOME = mkdtempSync(join(tmpdir(), 'token-broker-state-'));

/** The local program as a process of its own, ready to answer. */
export interface LocalBrokerProcess {
  /** Of the HTTPS routes. */
  readonly url: string;
  readonly awsUrl: string;
  readonly data: string;
  readonly child: ChildProcess;
  /** Everything printed so far, both streams. */
  output(): string;
  /** SIGTERM, or another signal; resolves to the exit code, `null` after a kill. The data stays. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Stops if need be, and removes the data unless `data` was given. */
  dispose(): Promise<void>;
}

export interface LocalBrokerOptions {
  /** More arguments; ports are chosen freely, `--data` is a new temporary folder. */
  readonly args?: readonly string[];
  /** An existing folder. */
  readonly data?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** What starts it; absent: this Node.js, from the sources. */
  readonly command?: readonly [node: string, ...program: string[]];
}

/** @throws Error with the output when it ends before it is ready, or takes longer than 20 s */
export async function startLocalBrokerProcess(options: LocalBrokerOptions = {}): Promise<LocalBrokerProcess> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'token-broker-test-')));
  const child = spawnLocalBroker(
    ['--port', '0', '--aws-port', '0', '--data', data, ...(options.args ?? [])],
    options.environment,
    options.command,
  );
  const printed = collect(child);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'close');
    }
    return child.exitCode;
  };
  const dispose = async () => {
    await stop();
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
  };
  try {
    const [url, awsUrl] = await ready(child, printed);
    return { url, awsUrl, data, child, output: printed, stop, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Runs it to its end, for command lines that it refuses. */
export async function runLocalBroker(
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const child = spawnLocalBroker(args, environment);
  const printed = collect(child);
  await once(child, 'close');
  return { code: child.exitCode, output: printed() };
}

/** Without the AWS settings of whoever runs the tests. */
function spawnLocalBroker(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  [node, ...program]: NonNullable<LocalBrokerOptions['command']> = [process.execPath, MAIN],
) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  return spawn(node, [...program, ...args], {
    env: { ...Object.fromEntries(inherited), XDG_STATE_HOME: STATE_HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function collect(child: ChildProcess): () => string {
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  return () => printed;
}

async function ready(child: ChildProcess, printed: () => string): Promise<[string, string]> {
  const deadline = Date.now() + 20_000;
  while (!printed().includes('Ctrl+C stops it')) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      throw new Error(`The local broker did not get ready:\n${printed()}`);
    }
    await delay(20);
  }
  const find = (label: string) => new RegExp(`${label} +(http://127\\.0\\.0\\.1:\\d+)`).exec(printed())![1]!;
  return [find('Routes'), find('AWS')];
}
