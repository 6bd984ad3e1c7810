import { randomUUID } from 'node:crypto';
import { startBrokerWorld } from '../support/broker-world.ts';
import { medianTime, type Topic } from './topic.ts';

const SCOPES = ['application', 'application.session'];

/** One request at a time, through everything from authorization to audit; stores and vendor are in this process. */
/** As much as is allowed: what is measured is not what the budget keeps apart. */
const BUDGET = { per_minute: 1_000_000, per_principal: 1_000_000 };

export const latency: Topic = {
  title: 'Latency of a token through the broker, with the embedded stores and a simulated vendor',
  async measure() {
    const { world, close } = await startBrokerWorld();
    try {
      const connection = await world.connect(
        { vendor: 'bits', scopes: SCOPES, scope: 'application', vendor_budget: BUDGET },
        'bits',
      );
      const remembering = world.process(connection);
      const asking = world.process(connection, { timing: { memoryRecheck: 0 } });
      for (const process of [remembering, asking]) await process.token();
      const vendor = await medianTime(200, () => fetch(`${world.vendors.origins.bits}/oauth2/userinfo`));
      const memory = await medianTime(2_000, () => remembering.token());
      const table = await medianTime(500, () => asking.token());
      const mint = await medianTime(200, () =>
        // Every request is for another session: a key that nobody has asked for.
        remembering.token({ scope: 'application.session', params: session() }),
      );
      return [
        { what: 'a request to the vendor itself', value: vendor, unit: 'ms' },
        { what: 'from memory', value: memory, unit: 'ms' },
        { what: 'from the table', value: table, unit: 'ms', comparedWith: 'from memory' },
        { what: 'minted', value: mint, unit: 'ms', comparedWith: 'from the table' },
        {
          what: 'minted, to the vendor itself',
          value: mint,
          unit: 'ms',
          comparedWith: 'a request to the vendor itself',
        },
      ];
    } finally {
      await close();
    }
  },
};

function session(): Record<string, string> {
  return { application_id: randomUUID(), workflow_id: 'bench', redirect_url: 'https://example.com' };
}
