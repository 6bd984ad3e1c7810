import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import { clients } from '../../../shared/broker/vendor/client.ts';
import { clientRefusals } from '../../../shared/broker/vendor/refusals.ts';
import type { Connection } from '../../../shared/connections/connection.ts';
import { brokerWorld } from '../../support/broker.ts';

const world = brokerWorld();

/** A process's clients, and the one that it is for a connection. */
function newClients() {
  const { clock } = world;
  const { secrets, refusals } = world.process([]).stores;
  const parts = { clock, timing: PRODUCTION, secrets };
  const { withClient } = clients({ ...parts, refusals: clientRefusals(refusals, clock, PRODUCTION) });
  return (connection: Connection) => withClient(connection, async (client) => client);
}

const newSecret = () => ({ client_id: randomUUID(), client_secret: 'secret' });

test('a secret is read into a client once for as long as it is in memory, and its next version anew', async () => {
  const [first, second] = [newSecret(), newSecret()];
  const connection = await world.connect(
    { vendor: 'bits', scopes: ['application'], scope: 'application' },
    first,
  );
  const clientOf = newClients();
  const client = await clientOf(connection);
  expect(client.clientId).toBe(first.client_id);
  expect(await clientOf(connection)).toBe(client);
  await world.putSecret(connection, second);
  world.clock.advance(300_000);
  expect((await clientOf(connection)).clientId).toBe(second.client_id);
});

test('a secret of two connections is read as each of them says', async () => {
  const { client_id, client_secret } = newSecret();
  const members = { vendor: 'custom', token_endpoint: 'https://vendor.example/token' };
  const one = await world.connect(
    { ...members, client_auth: 'client_secret_post' },
    { client_id, client_secret },
  );
  const other = await world.connect({
    ...members,
    client_auth: 'none',
    grant: 'authorization_code',
    authorization_endpoint: 'https://vendor.example/authorize',
    secret: one.secret,
  });
  const clientOf = newClients();
  for (const _ of ['first', 'again']) {
    expect(await clientOf(one)).toHaveProperty('clientSecret');
    expect(await clientOf(other)).not.toHaveProperty('clientSecret');
  }
});

test('the secret and what is refused of it are looked up while the call is counted, and while each other is', async () => {
  const counting = Promise.withResolvers<void>();
  const reading = Promise.withResolvers<void>();
  const begun: string[] = [];
  const process = world.process(
    await world.connect({ vendor: 'bits', scopes: ['application'], scope: 'application' }, 'bits'),
    {
      stores: (stores) => ({
        ...stores,
        budgets: {
          async spend(...order) {
            begun.push('count');
            await counting.promise;
            return stores.budgets.spend(...order);
          },
        },
        secrets: {
          ...stores.secrets,
          async read(...order) {
            begun.push('secret');
            await reading.promise;
            return stores.secrets.read(...order);
          },
        },
        refusals: {
          ...stores.refusals,
          read(...order) {
            begun.push('refusals');
            return stores.refusals.read(...order);
          },
        },
      }),
    },
  );
  const token = process.token();
  await expect.poll(() => begun.toSorted()).toEqual(['count', 'refusals', 'secret']);
  counting.resolve();
  reading.resolve();
  expect((await token).source).toBe('vendor');
});
