/** Processes of the broker that share one endpoint, and that can be started, stopped and killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Timing } from '../../shared/broker/times.ts';
import { localAccess, type Origins, type StoreNames } from './stores.ts';

export interface ChildSetup {
  readonly origins: Origins;
  readonly names: StoreNames;
  /** A connections file; tokens of its first connection are asked for. */
  readonly file: object;
  /** What the process runs, with the endpoint in its environment; absent: `broker-child.ts`. */
  readonly program?: string;
  readonly timing?: Partial<Timing>;
  /** Takes the lease out, to show what it is there for. */
  readonly withoutLeases?: boolean;
  /** The holder of a lease says so and waits for `proceed` before it sends anything. */
  readonly stopBeforeSending?: boolean;
}

export type ChildOrder =
  /** `at`: milliseconds since the epoch; `remaining`: of each invocation. */
  | { readonly type: 'ask'; readonly requests: number; readonly at: number; readonly remaining: number }
  | { readonly type: 'proceed' };

/** Times are milliseconds since the epoch. */
export interface ChildOutcome {
  readonly begunAt: number;
  readonly endedAt: number;
  readonly token?: string;
  readonly source?: string;
  readonly error?: string;
}

export type ChildReport =
  | { readonly type: 'ready' }
  | { readonly type: 'leased' }
  | { readonly type: 'answered'; readonly outcomes: readonly ChildOutcome[] };

export interface BrokerChild {
  readonly child: ChildProcess;
  /** Asks now, or at the time given. */
  ask(requests: number, options?: { at?: number; remaining?: number }): Promise<readonly ChildOutcome[]>;
  /** Resolves when the child holds the lease (`stopBeforeSending`). */
  leased(): Promise<void>;
  proceed(): void;
  kill(): Promise<void>;
}

const { region, credentials } = localAccess;
const localEnvironment = {
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
};

const PROGRAM = new URL('./broker-child.ts', import.meta.url).pathname;

/** Ready to ask. */
export async function startBrokerChild(setup: ChildSetup): Promise<BrokerChild> {
  const { program = PROGRAM, origins } = setup;
  const env = { ...process.env, ...localEnvironment, AWS_ENDPOINT_URL: origins.dynamodb };
  const child = fork(program, [JSON.stringify(setup)], { env, execArgv: [], stdio: 'inherit' });
  const report = async <Type extends ChildReport['type']>(type: Type) => {
    for (;;) {
      const [message] = (await Promise.race([once(child, 'message'), ended(child)])) as [ChildReport];
      if (message.type === type) return message as Extract<ChildReport, { type: Type }>;
    }
  };
  const send = (order: ChildOrder) => child.send(order);
  await report('ready');
  return {
    child,
    async ask(requests, { at = Date.now(), remaining = 29_000 } = {}) {
      send({ type: 'ask', requests, at, remaining });
      return (await report('answered')).outcomes;
    },
    async leased() {
      await report('leased');
    },
    proceed: () => send({ type: 'proceed' }),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

async function ended(child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`A process of the broker ended: ${code ?? signal}`);
}
