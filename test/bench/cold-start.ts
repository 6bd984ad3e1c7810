import { EVENT, startDeployed, twoClients } from './deployed.ts';
import { type Measurement, spread, type Topic } from './topic.ts';

const RUNS = 15;
const PROGRAM = new URL('invoke.cjs', import.meta.url);
const BARE = 'a handler with the same two calls of the SDK';

/** Milliseconds: on the wall, and of the processor, Node.js's own start included. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

/** From the first line of a new process to the first answer; another process has put the token into the table. */
export const coldStart: Topic = {
  title:
    'Cold start to the first token, which stands in the table: one whole core, the stores on the same machine',
  async measure() {
    const deployed = await startDeployed();
    try {
      const bare = await deployed.put('bare.cjs', twoClients());
      const once = (file: string) => deployed.inProcess<Cost>(PROGRAM, [file, JSON.stringify(EVENT), '1']);
      await once(deployed.bundle);
      const costs: Record<'bare' | 'broker', Cost[]> = { bare: [], broker: [] };
      for (let run = 0; run < RUNS; run += 1) {
        costs.bare.push(await once(bare));
        costs.broker.push(await once(deployed.bundle));
      }
      return (['wall', 'cpu'] as const).flatMap((kind): Measurement[] => {
        const row = (name: 'bare' | 'broker') => spread(costs[name].map((cost) => cost[kind]));
        const base = `${BARE}, ${kind}`;
        return [
          { what: base, unit: 'ms', ...row('bare') },
          {
            what: `token-https, ${kind}`,
            unit: 'ms',
            ...row('broker'),
            comparedWith: base,
            goal: { atMost: 0.8 },
          },
        ];
      });
    } finally {
      await deployed.close();
    }
  },
};
