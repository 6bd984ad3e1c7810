import { EVENT, startDeployed } from './deployed.ts';
import { type Measurement, quantile, type Topic } from './topic.ts';

const RUNS = 5;
const INVOCATIONS = 5_000;
/** Those before it are slower, because the code is not compiled yet. */
const WARM = 2_000;
const PROGRAM = new URL('invoke.cjs', import.meta.url);
/** Microseconds over the bare handler. */
const GOAL = { atMost: 30 };

/** From the event to the JSON of the answer, a log line included, which somebody reads from a pipe. */
export const warm: Topic = {
  title: 'A token from the memory of the function as it is deployed, event in to JSON out',
  async measure() {
    const deployed = await startDeployed();
    try {
      const bare = await deployed.put('bare.cjs', BARE);
      const times: Record<'bare' | 'broker', number[]> = { bare: [], broker: [] };
      const invoke = async (file: string) => {
        const args = [file, JSON.stringify(EVENT), String(INVOCATIONS)];
        const { times } = await deployed.inProcess<{ times: number[] }>(PROGRAM, args);
        return times.slice(WARM).map((time) => time * 1_000);
      };
      for (let run = 0; run < RUNS; run += 1) {
        times.bare.push(...(await invoke(bare)));
        times.broker.push(...(await invoke(deployed.bundle)));
      }
      return ([0.5, 0.99] as const).flatMap((share): Measurement[] => {
        const p = `p${share * 100}`;
        const base = quantile(times.bare, share);
        const broker = quantile(times.broker, share);
        return [
          { what: `a handler that only answers and logs, ${p}`, value: base, unit: 'µs' },
          { what: `token-https, ${p}`, value: broker, unit: 'µs' },
          {
            what: `token-https over the other, ${p}`,
            value: broker - base,
            unit: 'µs',
            ...(share === 0.5 && { goal: GOAL }),
          },
        ];
      });
    } finally {
      await deployed.close();
    }
  },
};

/** The same answer and a line of the same length. */
const BARE = `
  const token = { access_token: 'bench-access-1', token_type: 'Bearer', expires_in: 3600, source: 'memory' };
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  exports.handler = async () => {
    console.log(JSON.stringify({ level: 'INFO', message: 'audit', padding: 'x'.repeat(900) }));
    return { statusCode: 200, headers, body: JSON.stringify(token) };
  };`;
