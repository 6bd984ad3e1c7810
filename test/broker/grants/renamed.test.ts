/** A connection gets another name (`renamed_from`) while processes with the old one still run. */
import { expect, test } from 'vitest';
import type { Connection } from '../../../shared/connections/connection.ts';
import { type BrokerWorld, brokerWorld, refusal } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, portal, quick, research } from '../../support/grants.ts';

const world = brokerWorld();

/** The process before, with a grant, and one after the renaming. */
async function renamed(
  make: (world: BrokerWorld) => Promise<Connection> = research,
): Promise<{ before: GrantProcess; after: GrantProcess }> {
  const connection = await make(world);
  const before = grantProcess(world, connection, { timing: quick });
  await before.consent();
  const now = { ...connection, name: `${connection.name}-renamed`, renamedFrom: connection.name };
  return { before, after: grantProcess(world, now, { timing: quick }) };
}

test('the grant moves when it is first asked for: nobody consents again, and the old name gives nothing more', async () => {
  const { before, after } = await renamed();
  const { access_token } = await before.token();
  expect(await after.token()).toMatchObject({ access_token });
  expect((await after.grant()).refreshToken).toBeDefined();
  await expect(before.grant()).rejects.toThrow('no grant');
  const left = await before.stores.grants.read({ connection: before.connection.name, subject: 'default' });
  expect(left).toEqual(expect.not.objectContaining({ refreshToken: expect.anything() }));
  expect([left?.tokens, left?.attempts]).toEqual([{}, []]);
  expect(await refusal(before.token({ min_ttl: 60 }))).toMatchObject({ error: 'consent_required' });
  expect(await after.counts()).toMatchObject({ grants: { active: 1, revoked: 0 } });
});

test('the moved grant refreshes', async () => {
  const { after } = await renamed(portal);
  const first = await after.token();
  await world.clock.advance(3_600_000);
  const second = await after.token();
  expect(second.access_token).not.toBe(first.access_token);
});

test('the sweep moves what nobody asks for, and renews it', async () => {
  const { before, after } = await renamed();
  await world.clock.advance(3_600_000);
  await after.sweep();
  await expect(before.grant()).rejects.toThrow('no grant');
  expect(await after.grant()).toMatchObject({ status: 'active', lastRefreshAt: expect.any(Number) });
});

test('a grant that the old name is refreshing is waited for', async () => {
  const { before, after } = await renamed();
  const old = await before.grant();
  const lease = { id: 'working', until: world.clock.now() + 5_000 };
  await before.stores.grants.write(old, { ...old, lease });
  expect(await refusal(after.token())).toMatchObject({ error: 'busy' });
  await world.clock.advance(6_000);
  expect(await after.token()).toHaveProperty('access_token');
});

test('whoever dies while moving leaves the grant where the next one finds it', async () => {
  const { before, after } = await renamed();
  const { grants } = after.stores;
  const write = grants.write.bind(grants);
  let writes = 0;
  const dying = grantProcess(world, after.connection, { timing: quick });
  Object.assign(dying.stores.grants, {
    write: async (...args: Parameters<typeof write>) => {
      writes += 1;
      if (writes === 2) throw new Error('killed');
      return write(...args);
    },
  });
  await expect(dying.token()).rejects.toThrow();
  Object.assign(dying.stores.grants, { write });
  expect(await before.grant()).toMatchObject({ status: 'active' });
  await world.clock.advance(31_000);
  expect(await after.token()).toHaveProperty('access_token');
});

test('a later consent to the old name wins over what was moved', async () => {
  const { before, after } = await renamed();
  await after.token();
  await world.clock.advance(1_000);
  await before.consent('default', { replace: true });
  await world.clock.advance(3_600_000);
  const { generation } = await before.grant();
  await after.sweep();
  await expect(before.grant()).rejects.toThrow('no grant');
  expect((await after.grant()).generation).toBe(generation);
});

test('a name that comes back takes its grant back', async () => {
  const { before, after } = await renamed();
  await after.token();
  const back = { ...before.connection, renamedFrom: after.connection.name };
  const again = grantProcess(world, back, { timing: quick });
  expect(await again.token()).toHaveProperty('access_token');
  await expect(after.grant()).rejects.toThrow('no grant');
});
