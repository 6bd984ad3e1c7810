/** Processes that renew grants, and are killed or stopped while they do. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Timing } from '../../shared/broker/times.ts';
import type { Origins, StoreNames } from './stores.ts';

export const STEPS = [
  'before begin',
  'after begin',
  'while the vendor works',
  'after the vendor answered',
  'after commit',
  'before the answer is given',
] as const;
export type Step = (typeof STEPS)[number];

export interface RefreshingSetup {
  readonly origins: Origins;
  readonly names: StoreNames;
  /** A connections file of one connection. */
  readonly file: object;
  readonly subject: string;
  readonly timing: Partial<Timing>;
  /** Milliseconds. */
  readonly vendorLatency: number;
  readonly dieAt?: Step;
  /** Says so there, and waits for `proceed`. */
  readonly stopAt?: Step;
}

export type RefreshingReport =
  | { readonly type: 'ready' | 'stopped' }
  | { readonly type: 'answered'; readonly token?: string; readonly error?: string };

export interface RefreshingProcess {
  readonly child: ChildProcess;
  /** Begins. */
  go(): void;
  /** What the process answered; `undefined` when it died first. */
  readonly answer: Promise<Extract<RefreshingReport, { type: 'answered' }> | undefined>;
  stopped(): Promise<void>;
  proceed(): void;
}

export type StartRefreshing = (setup: RefreshingSetup) => Promise<RefreshingProcess>;

/** Bundles the program once: reading its parts one by one takes longer than what is to be tested. */
export async function refreshingProcesses(): Promise<{ start: StartRefreshing; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'token-broker-child-'));
  const outfile = join(folder, 'child.mjs');
  const banner =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  await build({
    entryPoints: [new URL('./refreshing-child.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: banner },
    logLevel: 'error',
  });
  const close = () => rm(folder, { recursive: true });
  return { start: (setup) => start(outfile, setup), close };
}

async function start(program: string, setup: RefreshingSetup): Promise<RefreshingProcess> {
  const child = fork(program, [JSON.stringify(setup)], { execArgv: [], stdio: 'inherit' });
  const ended = once(child, 'exit');
  const reports = new Map<string, PromiseWithResolvers<RefreshingReport>>(
    ['ready', 'stopped', 'answered'].map((type) => [type, Promise.withResolvers()]),
  );
  child.on('message', (report: RefreshingReport) => reports.get(report.type)!.resolve(report));
  const told = (type: string) => Promise.race([reports.get(type)!.promise, ended.then(() => undefined)]);
  if (!(await told('ready'))) throw new Error('The process ended before it was ready.');
  return {
    child,
    go: () => child.send('go'),
    answer: told('answered') as RefreshingProcess['answer'],
    stopped: async () => {
      if (!(await told('stopped'))) throw new Error('The process ended before it stopped.');
    },
    proceed: () => child.send('proceed'),
  };
}
