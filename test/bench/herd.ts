import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOf } from '../../infra/bundling/build.ts';
import { mints } from '../support/broker.ts';
import type { ChildOrder, ChildOutcome, ChildReport } from '../support/broker-processes.ts';
import { type BrokerWorld, startBrokerWorld } from '../support/broker-world.ts';
import { askTogether, setupOf, withChildren } from '../support/one-mint.ts';
import { bundled } from './deployed.ts';
import { installPeers, PEERS } from './peers.ts';
import { type Measurement, median, quantile, type Topic } from './topic.ts';

const PROCESSES = 20;
const CALLERS = 50;
const RUNS = 3;
/** Milliseconds that the vendor takes for each token. */
const LATENCY = 300;
const GOALS = { requests: { atMost: 1 }, wait: { atMost: 300 } };

/** What one side cost the vendor and its callers; `waits` in milliseconds. */
interface Herd {
  readonly requests: number[];
  readonly waits: number[];
}

/**
 * Every process has just started, from one file each, as they are deployed, and holds nothing; all have two cores, with
 * stores and vendor on the same.
 */
export const herd: Topic = {
  title: `Herd: ${PROCESSES} cold processes × ${CALLERS} callers at once, vendor ${LATENCY} ms, all on this machine`,
  async measure() {
    await installPeers();
    const { world, close } = await startBrokerWorld();
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const [ownClient, sharedBroker] = [join(folder, 'client.cjs'), join(folder, 'broker.cjs')];
    try {
      await writeFile(ownClient, bundled({ entryPoints: [join(PEERS, 'herd.mjs')] }));
      await writeFile(sharedBroker, bundleOf('test/bench/herd-child.ts').code);
      world.vendors.bugfender.set({ latency_ms: LATENCY });
      const broker: Herd = { requests: [], waits: [] };
      const alone: Herd = { requests: [], waits: [] };
      for (let run = 0; run < RUNS; run += 1) {
        await counted(world, alone, () => eachForItself(world, ownClient));
        await counted(world, broker, () => throughBroker(world, sharedBroker));
      }
      const single = await vendorTime(world);
      return [
        { what: 'the vendor itself, asked once', value: single, unit: 'ms' },
        ...rows('each process for itself, openid-client', alone, single),
        ...rows('the broker', broker, single, GOALS),
      ];
    } finally {
      await close();
      await rm(folder, { recursive: true });
    }
  },
};

function rows(name: string, { requests, waits }: Herd, vendor: number, goals?: typeof GOALS): Measurement[] {
  return [
    {
      what: `${name}: vendor requests, the most`,
      value: Math.max(...requests),
      unit: '',
      ...(goals && { goal: goals.requests }),
    },
    { what: `${name}: wait, p50`, value: quantile(waits, 0.5), unit: 'ms' },
    { what: `${name}: wait, p99`, value: quantile(waits, 0.99), unit: 'ms' },
    {
      what: `${name}: p99 over the vendor's own time`,
      value: quantile(waits, 0.99) - vendor,
      unit: 'ms',
      ...(goals && { goal: goals.wait }),
    },
  ];
}

async function counted(world: BrokerWorld, herd: Herd, run: () => Promise<readonly ChildOutcome[]>) {
  const before = mints(world, 'bugfender');
  const outcomes = await run();
  const failed = outcomes.find(({ token }) => token === undefined);
  if (failed) throw new Error(`A caller got no token: ${failed.error}`);
  herd.requests.push(mints(world, 'bugfender') - before);
  herd.waits.push(...outcomes.map(({ begunAt, endedAt }) => endedAt - begunAt));
}

async function throughBroker(world: BrokerWorld, program: string): Promise<readonly ChildOutcome[]> {
  const connection = await world.connect({ vendor: 'bugfender', scope: 'all' }, 'bugfender-service');
  const setup = { ...setupOf(world, connection), program };
  const setups = Array.from({ length: PROCESSES }, () => setup);
  return withChildren(setups, (children) => askTogether(children, CALLERS));
}

async function eachForItself(world: BrokerWorld, program: string): Promise<readonly ChildOutcome[]> {
  const { secret, endpoint } = await client(world);
  const setup = JSON.stringify({ ...secret, token_endpoint: endpoint });
  const children = Array.from({ length: PROCESSES }, () => fork(program, [setup]));
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    const order: ChildOrder = { type: 'ask', requests: CALLERS, at: Date.now() + 200, remaining: 29_000 };
    const answers = children.map(async (child) => {
      const answer = once(child, 'message');
      child.send(order);
      const [report] = (await answer) as [Extract<ChildReport, { type: 'answered' }>];
      return report.outcomes;
    });
    return (await Promise.all(answers)).flat();
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function client({ vendors }: BrokerWorld) {
  const secret = (await vendors.bugfender.clientSecrets())['bugfender-service']!;
  return { secret, endpoint: `${vendors.origins.bugfender}/auth/token` };
}

/** With nobody else asking. */
async function vendorTime(world: BrokerWorld): Promise<number> {
  const { secret, endpoint } = await client(world);
  const body = () => new URLSearchParams({ grant_type: 'client_credentials', scope: 'all', ...secret });
  const times: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    const begun = performance.now();
    const response = await fetch(endpoint, { method: 'POST', body: body() });
    if (!response.ok) throw new Error(`The vendor answered ${response.status}: ${await response.text()}`);
    await response.text();
    times.push(performance.now() - begun);
  }
  return median(times);
}
