import { Agent, request } from 'node:http';
import { startLocalBrokerProcess } from '../support/local-broker.ts';
import { type SignedRequest, signedRequest } from '../support/signed-fetch.ts';
import type { Topic } from './topic.ts';

const CONCURRENCY = 20;
const SECONDS = 4;

/** Over HTTP, signatures verified; the one process of the broker has one core, the client another. */
export const throughput: Topic = {
  title: `Throughput of the local broker, ${CONCURRENCY} connections`,
  async measure() {
    const broker = await startLocalBrokerProcess();
    try {
      const health = await signedRequest(`${broker.url}/health`);
      // One signature serves for minutes, so that the client's signing is not what is measured.
      const token = await signedRequest(`${broker.url}/connections/crash-symbols/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      await send(token, new Agent());
      return [
        { what: 'GET /health', value: await perSecond(health), unit: '/s' },
        { what: 'a warm token', value: await perSecond(token), unit: '/s', comparedWith: 'GET /health' },
      ];
    } finally {
      await broker.dispose();
    }
  },
};

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
