import { createTokenClient } from '../../shared/client/index.ts';
import { startFakeBroker } from '../../shared/client/testing/index.ts';
import { interleaved, spread, type Topic } from './topic.ts';

const CALLS = 20_000;
const RUNS = 15;

/** What a caller pays for each request to its API, when the token is in hand. */
export const client: Topic = {
  title: 'A token that the client library has in hand',
  async measure() {
    const broker = await startFakeBroker({ api: {} });
    try {
      const tokens = createTokenClient({ endpoint: broker.endpoint }, { credentials: broker.credentials });
      const known = new Map([['api', await tokens.token('api')]]);
      const lookUp = async (name: string) => known.get(name);
      const taken = await interleaved(RUNS, {
        map: () => repeated(() => lookUp('api')),
        library: () => repeated(() => tokens.token('api')),
      });
      const each = (of: readonly number[]) => spread(of.map((time) => (time / CALLS) * 1_000));
      const map = 'a Map behind a promise';
      return [
        { what: map, unit: 'µs', ...each(taken.map) },
        {
          what: 'the client library',
          unit: 'µs',
          ...each(taken.library),
          comparedWith: map,
          goal: { atMost: 5 },
        },
      ];
    } finally {
      await broker.close();
    }
  },
};

async function repeated(call: () => Promise<unknown>): Promise<void> {
  for (let count = 0; count < CALLS; count += 1) await call();
}
