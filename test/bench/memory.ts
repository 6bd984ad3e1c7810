import { EVENT, startDeployed } from './deployed.ts';
import { CORE, controlGroup, startCold } from './runtime-api.ts';
import { type Measurement, spread, type Topic } from './topic.ts';

const RUNS = 7;
/** MiB: half of what the construct sets, that, and more. */
const SIZES = [256, 512, 1_024, CORE];

/** What `memorySize` buys: with it Lambda gives a share of a core. */
export const memory: Topic = {
  title: 'Cold start to the first token by memory size, which a share of a core comes with',
  async measure() {
    const deployed = await startDeployed();
    const groups = SIZES.map((size) => ({ size, group: controlGroup(size / CORE) }));
    try {
      const once = (group: (typeof groups)[number]['group']) =>
        startCold({ file: deployed.bundle, event: EVENT, env: deployed.environment, group });
      await once(undefined);
      const walls = new Map<number, number[]>(SIZES.map((size) => [size, []]));
      for (let run = 0; run < RUNS; run += 1)
        for (const { size, group } of groups) walls.get(size)!.push((await once(group)).wall);
      const unlimited = groups.some(({ group }) => !group)
        ? ', a whole core, because there is no way to limit it'
        : '';
      const name = (size: number) => `token-https, ${size} MB${unlimited}`;
      return SIZES.map((size): Measurement => {
        const row: Measurement = { what: name(size), unit: 'ms', ...spread(walls.get(size)!) };
        return size === CORE ? row : { ...row, comparedWith: name(CORE) };
      });
    } finally {
      for (const { group } of groups) group?.remove();
      await deployed.close();
    }
  },
};
