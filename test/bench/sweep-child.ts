/** One process of the broker that sweeps once and sends what that cost. Started by `sweep.ts`. */
import { setTimeout as delay } from 'node:timers/promises';
import { awsStores, compose } from '../../functions/compose.ts';
import { parsed } from '../../functions/local/connections.ts';
import { embeddedConfig } from '../../functions/local/stores.ts';
import { NAMES } from '../../shared/contract/names.ts';

/** Where DynamoDB and Secrets Manager are, and the vendor. */
export interface SweepSetup {
  readonly url: string;
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

const { url, vendorOrigin, connection }: SweepSetup = JSON.parse(process.argv[2]!);
const members = { vendor: 'bugfender', base_url: vendorOrigin, grant: 'authorization_code' };
const broker = compose({
  connections: parsed({ connections: { [connection]: members } }),
  stores: awsStores({ aws: embeddedConfig(url), ...NAMES, shards: 1 }),
  observe: () => undefined,
  publicUrl: url,
  allowLoopbackHttp: true,
});
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
const cost: SweepCost = {
  renewed,
  wall,
  cpu: (user + system) / 1_000,
  memory: most / MB,
  held: (heapUsed + external) / MB,
};
process.send!(cost, () => process.exit());
