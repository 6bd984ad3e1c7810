import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { startLocalBrokerProcess } from '../support/local-broker.ts';
import { type SignedRequest, signedRequest } from '../support/signed-fetch.ts';
import { spread, type Topic } from './topic.ts';

const CONCURRENCY = 20;
const SECONDS = 1;
const RUNS = 5;

/** Over HTTP, signatures verified; the one process of the broker has one core, the client another. */
export const gateway: Topic = {
  title: `The local broker: warm tokens a second, ${CONCURRENCY} connections`,
  async measure() {
    const broker = await startLocalBrokerProcess();
    const bare = fork(new URL('bare-gateway.ts', import.meta.url), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      const [{ url }] = (await once(bare, 'message')) as [{ url: string }];
      // One signature serves for minutes, so that the client's signing is not what is measured.
      const wishes = [await askFor(url), await askFor(broker.url)];
      const counted: number[][] = [[], []];
      for (const wish of wishes) await send(wish, new Agent());
      for (let run = 0; run < RUNS; run += 1)
        for (const [index, wish] of wishes.entries()) counted[index]!.push(await perSecond(wish));
      const base = 'the same gateway with a handler that only answers';
      const [answering, whole] = counted as [number[], number[]];
      return [
        { what: base, unit: '/s', ...spread(answering) },
        {
          what: 'the local broker',
          unit: '/s',
          ...spread(whole),
          comparedWith: base,
          goal: { atLeast: 0.8 },
        },
      ];
    } finally {
      bare.kill();
      await broker.dispose();
    }
  },
};

function askFor(url: string): Promise<SignedRequest> {
  return signedRequest(`${url}/connections/crash-symbols/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
}

async function perSecond(wish: SignedRequest): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const endsAt = performance.now() + SECONDS * 1000;
  let count = 0;
  const work = async () => {
    while (performance.now() < endsAt) {
      await send(wish, agent);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  agent.destroy();
  return count / SECONDS;
}

function send({ url, method, headers, body }: SignedRequest, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url.pathname} answered ${response.statusCode}`));
      response.resume().on('end', resolve);
    });
    outgoing.on('error', reject).end(body);
  });
}
