import { EVENT, startDeployed, twoClients } from './deployed.ts';
import { CORE, type ColdStart, controlGroup, startCold } from './runtime-api.ts';
import { type Measurement, spread, type Topic } from './topic.ts';

const RUNS = 11;
/** What Lambda gives a function of 512 MB. */
const SHARE = 512 / CORE;
const GOAL = { atMost: 0.8 };
const KINDS = { wall: GOAL, cpu: GOAL, init: undefined } as const;

/** From the start of a new process to the first answer; another process has put the token into the table. */
export const coldStart: Topic = {
  title:
    "Cold start to the first token, which stands in the table, under a Runtime API loop; Node.js's own start counts on both sides",
  async measure() {
    const deployed = await startDeployed();
    const group = controlGroup(SHARE);
    const core = group
      ? `${SHARE.toFixed(2)} of a core`
      : 'a whole core, because there is no way to limit it';
    try {
      const files = { bare: await deployed.put('bare.cjs', twoClients()), broker: deployed.bundle };
      const once = (file: string) => startCold({ file, event: EVENT, env: deployed.environment, group });
      await once(files.broker);
      const costs: Record<keyof typeof files, ColdStart[]> = { bare: [], broker: [] };
      for (let run = 0; run < RUNS; run += 1) {
        costs.bare.push(await once(files.bare));
        costs.broker.push(await once(files.broker));
      }
      return (['wall', 'cpu', 'init'] as const).flatMap((kind): Measurement[] => {
        const row = (name: keyof typeof files) => spread(costs[name].map((cost) => cost[kind]));
        const base = `a handler with the same two calls of the SDK, ${kind}, ${core}`;
        const goal = KINDS[kind];
        return [
          { what: base, unit: 'ms', ...row('bare') },
          {
            what: `token-https, ${kind}, ${core}`,
            unit: 'ms',
            ...row('broker'),
            comparedWith: base,
            ...(goal && { goal }),
          },
        ];
      });
    } finally {
      group?.remove();
      await deployed.close();
    }
  },
};
