/** One process of the broker that sweeps once and sends what that cost. Started by `sweep.ts`, bundled as the functions are. */
import { setTimeout as delay } from 'node:timers/promises';
import { parseConnections } from '../../shared/connections/parse.ts';
import { NAMES } from '../../shared/contract/names.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { environmentBroker } from './environment-broker.ts';

/** Where the vendor is; the stores are where the environment says. */
export interface SweepSetup {
  readonly vendorOrigin: string;
  readonly connection: string;
}

export interface SweepCost {
  readonly renewed: number;
  /** Milliseconds: on the wall, and of the processor. */
  readonly wall: number;
  readonly cpu: number;
  /** MB that were resident at most. */
  readonly memory: number;
  /** MB that are in use when all that can be collected is. */
  readonly held: number;
}

const MB = 1_048_576;

const { vendorOrigin, connection }: SweepSetup = JSON.parse(process.argv[2]!);
const members = { vendor: 'bugfender', base_url: vendorOrigin, grant: 'authorization_code' };
const connections = parseConnections(
  { connections: { [connection]: members } },
  { vendors: VENDORS, allowLoopbackHttp: true },
);
const broker = environmentBroker(connections, NAMES);
sweep().then((cost) => process.send!(cost, () => process.exit()));

async function sweep(): Promise<SweepCost> {
  let most = 0;
  // Not `maxRSS`: Linux lets a process inherit that from the one that started it.
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  const begun = performance.now();
  const used = process.cpuUsage();
  const { renewed } = await broker.sweep({ shard: 0, lookAhead: 0, endsAt: Date.now() + 600_000 });
  const { user, system } = process.cpuUsage(used);
  clearInterval(timer);
  look();
  const wall = performance.now() - begun;
  // What the first collection frees may have memory outside the heap, which goes a little later.
  for (const _ of ['first', 'second']) {
    globalThis.gc!();
    await delay(100);
  }
  const { heapUsed, external } = process.memoryUsage();
  return { renewed, wall, cpu: (user + system) / 1_000, memory: most / MB, held: (heapUsed + external) / MB };
}
