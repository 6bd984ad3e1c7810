import { randomUUID } from 'node:crypto';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { describe, expect, test } from 'vitest';
import { parseKeyring } from '../../../shared/aws/keyring.ts';
import { keyringRotation } from '../../../shared/aws/rotate-keyring.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, hooked, quick, revocable } from '../../support/grants.ts';
import { rawItems } from '../../support/raw-items.ts';
import { openStores } from '../../support/stores.ts';

const world = brokerWorld();

const DAY = 86_400_000;

/** As Secrets Manager has it done every month. @returns how many keys there are then */
async function rotateKeyring(): Promise<number> {
  const { manager, dynamo } = openStores(world.origins, world.names, world.clock);
  const rotate = keyringRotation({ manager, dynamo, grantsTable: world.names.grants, clock: world.clock });
  const ClientRequestToken = randomUUID();
  for (const Step of ['createSecret', 'setSecret', 'testSecret', 'finishSecret']) {
    await rotate({ Step, SecretId: world.names.keyring, ClientRequestToken });
  }
  const command = new GetSecretValueCommand({ SecretId: world.names.keyring });
  const { SecretString } = await manager.client.send(command);
  return parseKeyring(new Redacted(SecretString!)).keys.size;
}

/** One grant in each state that there is, by subject. */
async function inEveryState(process: GrantProcess): Promise<void> {
  const subjects = ['active', 'in_doubt', 'rescued', 'consent_required', 'revoked'];
  for (const subject of subjects) await process.consent(subject);
  world.clock.advance(3_600_000);
  const fault = (order: Parameters<typeof world.vendors.bipsync.setFault>[0]) =>
    world.vendors.bipsync.setFault({ endpoint: 'token', ...order });

  fault({ fault: 'dropped' });
  await refusal(process.token({ subject: 'in_doubt' }));
  fault({ fault: 'oauth_error', error: 'invalid_grant' });
  await refusal(process.token({ subject: 'consent_required' }));
  const failing = grantProcess(world, process.connection, {
    timing: { ...quick, deadline: 1_500, storeReserve: 500 },
    stores: (stores) =>
      hooked(stores, { before: (count) => (count > 1 ? world.dynamodb.inject('reset') : undefined) }),
  });
  await failing.token({ subject: 'rescued' });
  world.dynamodb.heal();
  world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'revoke', times: 0 });
  await refusal(process.revoke('revoked'));
  world.vendors.bipsync.setFault();
}

test.each([
  ['keep_warm', {}],
  ['on_use', { refresh: 'on_use', rotate_every: 30 * 86_400 }],
])(
  'with %s, grants in every state still open after the keyring has rotated month after month',
  async (_, members) => {
    const process = grantProcess(world, await revocable(world, members), { timing: quick });
    await inEveryState(process);
    expect((await process.counts()).grants).toEqual({
      active: 1,
      in_doubt: 2,
      consent_required: 1,
      revoked: 1,
    });
    // Nobody asks, and no sweep runs: the keys in use are old, and nothing makes them anew.
    for (let month = 0; month < 4; month += 1) {
      world.clock.advance(30 * DAY);
      await rotateKeyring();
    }
    const later = grantProcess(world, process.connection, { timing: quick });
    for (const subject of ['active', 'in_doubt', 'consent_required', 'revoked']) {
      expect((await later.grant(subject)).refreshToken?.reveal()).toBeDefined();
    }
    expect(await later.token({ subject: 'active' })).toMatchObject({ source: 'vendor' });
    expect(await later.token({ subject: 'in_doubt' })).toMatchObject({ source: 'vendor' });
    expect(await later.token({ subject: 'rescued' })).toMatchObject({ source: 'vendor' });
    expect(later.changes('rescued')).toEqual(['adopted', 'refreshed']);
    expect(await later.revoke('revoked')).toEqual({ status: 'revoked', vendor: 'revoked' });
    expect(await later.revoke('consent_required')).toEqual({ status: 'revoked', vendor: 'revoked' });
  },
);

test('keys that no grant needs any more are dropped in time', async () => {
  const process = grantProcess(world, await revocable(world), { timing: quick });
  await process.consent();
  const counts: number[] = [];
  for (let month = 0; month < 6; month += 1) {
    world.clock.advance(30 * DAY);
    // A refresh seals anew, with the current key.
    await process.token();
    counts.push(await rotateKeyring());
  }
  expect(counts.at(-1)).toBe(counts.at(-2));
});

/** A grant with another grant's refresh token in its item, beside a sound one of the subject `donor`. */
async function spoiltGrant() {
  const process = grantProcess(world, await revocable(world), { timing: quick });
  await process.consent('donor');
  await process.consent('spoilt');
  const raw = rawItems(world);
  const rawItem = (subject: string) => raw.grant(process.connection.name, subject);
  const { refresh_token } = (await rawItem('donor'))!;
  const spoilt = { ...(await rawItem('spoilt')), refresh_token: refresh_token! };
  await raw.putGrant(spoilt);
  return { process, rawItem, spoilt };
}

describe('a value that does not open', () => {
  test('is store_unavailable, for reading, consenting and revoking alike, and stays', async () => {
    const { process, rawItem, spoilt } = await spoiltGrant();
    expect(await refusal(process.token({ subject: 'spoilt' }))).toMatchObject({ error: 'store_unavailable' });
    expect(await refusal(process.start({ subject: 'spoilt' }))).toMatchObject({ error: 'store_unavailable' });
    expect(await refusal(process.revoke('spoilt'))).toMatchObject({ error: 'store_unavailable' });
    expect(process.events.filter(({ type }) => type === 'unreadable_value')).toHaveLength(3);
    expect(await rawItem('spoilt')).toEqual(spoilt);
    expect(await process.token({ subject: 'donor' })).toMatchObject({ source: 'table' });
  });

  test('is forgotten by force, though the vendor cannot be told', async () => {
    const { process, rawItem } = await spoiltGrant();
    expect(await process.revoke('spoilt', 'true')).toEqual({ status: 'revoked', vendor: 'failed' });
    expect(await rawItem('spoilt')).toBeUndefined();
  });

  test('is replaced by a consent that says replace', async () => {
    const { process } = await spoiltGrant();
    await process.consent('spoilt', { replace: true });
    expect(await process.token({ subject: 'spoilt' })).toMatchObject({ source: 'table' });
  });

  test('is told of by the sweep and put off, so that it does not stay first, and nothing else of it changes', async () => {
    const { process, rawItem, spoilt } = await spoiltGrant();
    world.clock.advance(3_600_000);
    await process.sweep();
    const told = () =>
      process.events.filter(
        (event) => event.type === 'unreadable_value' && event.connection === process.connection.name,
      );
    expect(told()).toHaveLength(1);
    await process.sweep();
    expect(told()).toHaveLength(1);
    const { due_at, rev: _, ...rest } = (await rawItem('spoilt'))!;
    expect(spoilt).toMatchObject(rest);
    expect(Number(due_at!.N)).toBeGreaterThan(world.clock.now() + 3_000_000);
  });
});
