import { join } from 'node:path';
import { bundled, EVENT, startDeployed } from './deployed.ts';
import { installPeers, PEERS } from './peers.ts';
import { type Measurement, quantile, type Topic } from './topic.ts';

const RUNS = 5;
const INVOCATIONS = 5_000;
/** Those before it are slower, because the code is not compiled yet. */
const WARM = 2_000;
const PROGRAM = new URL('invoke.cjs', import.meta.url);
/** Microseconds over the bare handler. */
const GOAL = { atMost: 30 };
const BASE = 'a handler that only answers and logs';
const BROKER = 'token-https';
/** Handlers that answer from a secret in memory, log a line and count; their programs in the peers' folder. */
const PEER_HANDLERS: Readonly<Record<string, string>> = {
  '@middy/secrets-manager': 'middy.mjs',
  'Powertools getSecret': 'powertools.mjs',
};

/** From the event to the JSON of the answer, a log line included, which somebody reads from a pipe. */
export const warm: Topic = {
  title: 'A token from the memory of the function as it is deployed, event in to JSON out',
  async measure() {
    await installPeers();
    const deployed = await startDeployed();
    try {
      const files: Record<string, string> = {
        [BASE]: await deployed.put('bare.cjs', BARE),
        [BROKER]: deployed.bundle,
      };
      for (const [name, program] of Object.entries(PEER_HANDLERS)) {
        const code = bundled({ entryPoints: [join(PEERS, program)] });
        files[name] = await deployed.put(program.replace('.mjs', '.cjs'), code);
      }
      const times: Record<string, number[]> = {};
      for (let run = 0; run < RUNS; run += 1)
        for (const [name, file] of Object.entries(files)) {
          const args = [file, JSON.stringify(EVENT), String(INVOCATIONS)];
          const answered = await deployed.inProcess<{ times: number[] }>(PROGRAM, args);
          times[name] = [...(times[name] ?? []), ...answered.times.slice(WARM).map((time) => time * 1_000)];
        }
      return ([0.5, 0.99] as const).flatMap((share): Measurement[] => {
        const p = `p${share * 100}`;
        const of = (name: string) => quantile(times[name]!, share);
        const row = (name: string): Measurement => ({ what: `${name}, ${p}`, value: of(name), unit: 'µs' });
        const over = of(BROKER) - of(BASE);
        return [
          ...[BASE, ...Object.keys(PEER_HANDLERS)].map(row),
          row(BROKER),
          {
            what: `${BROKER} over one that only answers, ${p}`,
            value: over,
            unit: 'µs',
            ...(share === 0.5 && { goal: GOAL }),
          },
          ...Object.keys(PEER_HANDLERS).map((name) => ({
            ...row(BROKER),
            what: `${BROKER} against ${name}, ${p}`,
            comparedWith: `${name}, ${p}`,
            goal: { atMost: 1 },
          })),
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
