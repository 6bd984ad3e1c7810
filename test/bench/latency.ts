import { randomUUID } from 'node:crypto';
import { GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { tokensClient } from '../../shared/aws/clients.ts';
import { counted } from '../support/broker.ts';
import { type BrokerWorld, startBrokerWorld } from '../support/broker-world.ts';
import { localAccess } from '../support/stores.ts';
import { deployedBroker } from './deployed-broker.ts';
import { interleaved, medianTime, spread, type Topic } from './topic.ts';

const SCOPES = ['application', 'application.session'];
const HITS = 500;
const BARE = "a GetItem of the same item by the AWS SDK's client";

/** As much as is allowed: what is measured is not what the budget keeps apart. */
const BUDGET = { per_minute: 1_000_000, per_principal: 1_000_000 };

/** One request at a time, through everything from authorization to audit; stores and vendor are in this process. */
export const latency: Topic = {
  title:
    'Latency of a token through the broker as it is deployed, with the embedded stores and a simulated vendor',
  async measure() {
    const { world, close } = await startBrokerWorld();
    try {
      const connection = await world.connect(
        { vendor: 'bits', scopes: SCOPES, scope: 'application', vendor_budget: BUDGET },
        'bits',
      );
      const remembering = await deployedBroker(world, connection);
      const asking = await deployedBroker(world, connection, { timing: { memoryRecheck: 0 } });
      const vendor = await medianTime(200, () => fetch(`${world.vendors.origins.bits}/oauth2/userinfo`));
      const memory = await medianTime(2_000, () => remembering());
      const bare = await readingOfToken(world);
      await medianTime(HITS, async () => [await bare(), await asking()]);
      const table = await interleaved(HITS, { bare, broker: () => asking() });
      const requests = await requestsOf(world, HITS, () => asking());
      const mint = await medianTime(200, () =>
        // Every request is for another session: a key that nobody has asked for.
        remembering({ scope: 'application.session', params: session() }),
      );
      return [
        { what: 'a request to the vendor itself', value: vendor, unit: 'ms' },
        { what: 'from memory', value: memory, unit: 'ms' },
        { what: BARE, unit: 'ms', ...spread(table.bare) },
        {
          what: 'from the table',
          unit: 'ms',
          ...spread(table.broker),
          comparedWith: BARE,
          goal: { atMost: 1.15 },
        },
        { what: 'from the table: reads', value: requests.reads, unit: '', goal: { atMost: 1 } },
        { what: 'from the table: writes', value: requests.writes, unit: '', goal: { atMost: 0 } },
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

/** Reads the one token of the table through the same endpoint, with the settings of the broker's client, and opens nothing. */
async function readingOfToken({ dynamodb, names }: BrokerWorld): Promise<() => Promise<unknown>> {
  const { client } = tokensClient({ ...localAccess, endpoint: dynamodb.origin });
  const TableName = names.tokens;
  const { Items } = await client.send(new ScanCommand({ TableName }));
  const pk = Items!.find((item) => item.token)!.pk!;
  return () => client.send(new GetItemCommand({ TableName, Key: { pk } }));
}

/** Requests of one run to DynamoDB. */
async function requestsOf({ dynamodb }: BrokerWorld, runs: number, run: () => Promise<unknown>) {
  const { GetItem = 0, ...others } = await counted(dynamodb, async () => {
    for (let count = 0; count < runs; count += 1) await run();
  });
  const writes = Object.values(others).reduce((sum, count) => sum + count, 0);
  return { reads: GetItem / runs, writes: writes / runs };
}

function session(): Record<string, string> {
  return { application_id: randomUUID(), workflow_id: 'bench', redirect_url: 'https://example.com' };
}
