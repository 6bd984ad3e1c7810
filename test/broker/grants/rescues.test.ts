/** What keeps an answer whose commit does not come through, at its edges (invariants 3 and 4). */
import { expect, test } from 'vitest';
import type { Stores } from '../../../functions/compose.ts';
import type { GrantKey, Rescue } from '../../../shared/broker/ports.ts';
import { StoreUnavailable } from '../../../shared/contract/errors.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { brokerWorld } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, hooked, quick, revocable } from '../../support/grants.ts';

const world = brokerWorld();
const timing = { ...quick, deadline: 2_000, storeReserve: 1_000 };

/** A grant that is due, and another process on it, with stores that do what a test wants. */
async function scene(): Promise<{
  sound: GrantProcess;
  with(change: (stores: Stores) => Stores): GrantProcess;
}> {
  const connection = await revocable(world);
  const sound = grantProcess(world, connection, { timing });
  await sound.consent();
  world.clock.advance(3_600_000);
  return { sound, with: (stores) => grantProcess(world, connection, { timing, stores }) };
}

const unavailable = (): never => {
  throw new StoreUnavailable('The broker could not write an item: injected.');
};

function savingRescues(stores: Stores, save: (save: () => Promise<void>) => Promise<void>): Stores {
  const wrapped = (grant: GrantKey, rescue: Rescue) => save(() => stores.rescues.save(grant, rescue));
  return { ...stores, rescues: { ...stores.rescues, save: wrapped } };
}

test('a store that is silent for a second has the answer rescued, while its write is still waited for', async () => {
  const { with: process } = await scene();
  const silent = Promise.withResolvers<void>();
  const rescued = Promise.withResolvers<void>();
  const waiting = process((stores) =>
    savingRescues(
      hooked(stores, { before: (count) => (count === 2 ? silent.promise : undefined) }),
      async (save) => {
        await save();
        rescued.resolve();
      },
    ),
  ).token();
  await rescued.promise;
  silent.resolve();
  expect(await waiting).toMatchObject({ source: 'vendor' });
});

test('a rescue that fails at first is tried again', async () => {
  const { sound, with: process } = await scene();
  let tries = 0;
  const failing = process((stores) =>
    savingRescues(hooked(stores, { before: (count) => (count > 1 ? unavailable() : undefined) }), (save) => {
      tries += 1;
      return tries === 1 ? unavailable() : save();
    }),
  );
  await failing.token();
  expect(failing.changes()).toContain('rescued');
  world.clock.advance(31_000);
  await sound.token();
  expect(sound.changes()).toContain('adopted');
});

test('of two rescued answers the newer one is adopted', async () => {
  const { sound } = await scene();
  const grant = await sound.grant();
  const { generation } = grant;
  const attempts = ['older', 'newer'];
  await sound.stores.grants.write(grant, { ...grant, attempts });
  for (const attempt of attempts) {
    const refreshToken = new Redacted(`${attempt} refresh token`);
    await sound.stores.rescues.save(grant, { attempt, generation, refreshToken, scopeKey: 'research:read' });
  }
  await sound.token().catch(() => undefined);
  expect((await sound.grant()).refreshToken?.reveal()).toBe('newer refresh token');
});

test('a rescue that is to be seen only a moment after invalid_grant still mends the grant', async () => {
  const { sound } = await scene();
  const grant = await sound.grant();
  const { generation, refreshToken } = grant;
  await sound.stores.grants.write(grant, { ...grant, attempts: ['lost'] });
  await sound.stores.rescues.save(grant, {
    attempt: 'lost',
    generation,
    refreshToken: refreshToken!,
    scopeKey: 'research:read',
  });
  world.vendors.bipsync.setFault({ fault: 'oauth_error', error: 'invalid_grant', endpoint: 'token' });
  const settle = 400;
  let refusedAt: number | undefined;
  const process = grantProcess(world, sound.connection, {
    timing: { ...timing, settle },
    stores: (stores) => ({
      ...stores,
      rescues: {
        ...stores.rescues,
        // Secrets Manager is eventually consistent: not there at the first look, nor shortly after.
        async find(...asked) {
          const now = world.clock.now();
          refusedAt ??= now;
          return now - refusedAt < settle ? undefined : stores.rescues.find(...asked);
        },
      },
    }),
  });
  await process.token().catch(() => undefined);
  expect(process.changes()).toContain('adopted');
  expect(await sound.grant()).toMatchObject({ status: 'active', attempts: [] });
});

test('a newer answer takes the place of an older one that was committed meanwhile', async () => {
  const { sound, with: process } = await scene();
  const { stores } = sound;
  const late = process((own) =>
    hooked(own, {
      async before(count) {
        if (count !== 2) return;
        // The holder of an attempt before this one thaws, and commits its answer.
        const { lease: _, ...grant } = await sound.grant();
        const older = { refreshToken: new Redacted('older refresh token'), lastAttempt: 'older' };
        await stores.grants.write(grant, { ...grant, ...older });
      },
    }),
  );
  await late.token();
  const { refreshToken, attempts } = await sound.grant();
  expect(refreshToken?.reveal()).not.toBe('older refresh token');
  expect(attempts).toEqual([]);
});
