/** One process of a storm: many callers at once whose token the vendor refuses. Prints what they got. */
import { createTokenClient } from '../../shared/client/index.ts';

const [, , broker = '', api = '', callers = '1'] = process.argv;
const client = createTokenClient({ endpoint: broker });
await client.token('crash-symbols');
process.stdout.write('ready\n');
process.stdin.once('data', async () => {
  const responses = await Promise.all(
    Array.from({ length: Number(callers) }, () => client.fetch('crash-symbols', api)),
  );
  const statuses = new Set(responses.map(({ status }) => status));
  const { fingerprint } = await client.token('crash-symbols');
  process.stdout.write(`${JSON.stringify({ statuses: [...statuses], fingerprint })}\n`, () => process.exit());
});
