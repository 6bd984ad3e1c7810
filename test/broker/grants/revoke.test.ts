import { beforeEach, expect, test } from 'vitest';
import type { FaultOrder } from '../../../functions/simulator/fault-plan.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
import { grantProcess, portal, quick, revocable } from '../../support/grants.ts';

const world = brokerWorld();

beforeEach(() => {
  world.vendors.bipsync.set({ reuse_detection: true });
});

const revocations = () => world.vendors.bipsync.counters.snapshot().revocations;

test('a grant is ended at the vendor, then forgotten', async () => {
  const process = grantProcess(world, await revocable(world));
  await process.consent();
  const { access_token } = await process.token();
  expect(await process.revoke()).toEqual({ status: 'revoked', vendor: 'revoked' });
  expect(world.vendors.bipsync.isLive(access_token)).toBe(false);
  await expect(process.grant()).rejects.toThrow('no grant');
  expect(await process.describe()).toMatchObject({ grant_status: 'none' });
  expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
  expect(process.changes()).toEqual(['consented', 'revoked']);
});

test('what a process remembers is not served while a slow vendor is told of the revocation', async () => {
  const process = grantProcess(world, await revocable(world, { refresh_kills_access_token: false }));
  await process.consent();
  await process.token();
  world.vendors.bipsync.setFault({ fault: 'slow', delay_ms: 250, endpoint: 'revoke' });
  const revoking = process.revoke();
  await expect.poll(async () => (await process.grant()).status).toBe('revoked');
  expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
  expect(await revoking).toEqual({ status: 'revoked', vendor: 'revoked' });
});

test('what was read before the revocation, and remembered after it, is not served once the vendor is told', async () => {
  const connection = await revocable(world, { refresh_kills_access_token: false });
  const another = grantProcess(world, connection);
  await another.consent();
  const read = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const reads: (Promise<void> | undefined)[] = [ended.promise];
  const process = grantProcess(world, connection, {
    stores: ({ grants, ...stores }) => ({
      ...stores,
      grants: {
        ...grants,
        async read(key) {
          const found = await grants.read(key);
          read.resolve();
          await reads.shift();
          return found;
        },
      },
    }),
  });
  const reading = process.token();
  await read.promise;
  world.vendors.bipsync.setFault({ fault: 'slow', delay_ms: 250, endpoint: 'revoke' });
  const revoking = process.revoke();
  await expect.poll(async () => (await another.grant()).status).toBe('revoked');
  ended.resolve();
  await Promise.all([reading, revoking]);
  expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
});

test('a grant that is not there is nothing to revoke', async () => {
  const process = grantProcess(world, await revocable(world));
  expect(await process.revoke()).toEqual({ status: 'none' });
  expect(revocations()).toBe(0);
});

test('where the vendor has no revocation endpoint, the grant is forgotten, and the answer says so', async () => {
  const process = grantProcess(world, await portal(world));
  await process.consent();
  expect(await process.revoke()).toEqual({ status: 'revoked', vendor: 'not_supported' });
  await expect(process.grant()).rejects.toThrow('no grant');
});

test.each<[string, FaultOrder, string]>([
  ['cannot be reached', { fault: 'dropped' }, 'vendor_unavailable'],
  ['is out', { fault: 'server_error' }, 'vendor_unavailable'],
  ['refuses', { fault: 'oauth_error', error: 'unsupported_token_type' }, 'vendor_rejected'],
])(
  'when the vendor %s, the grant gives no more tokens but is kept until it is forced or repeated',
  async (_, fault, error) => {
    const process = grantProcess(world, await revocable(world), { timing: quick });
    const { refreshToken } = await process.consent();
    world.vendors.bipsync.setFault({ ...fault, endpoint: 'revoke', times: 0 });
    expect(await refusal(process.revoke())).toMatchObject({
      error,
      error_description: expect.stringMatching(/repeat this, or send force=true/),
    });
    expect(await process.describe()).toMatchObject({ grant_status: 'revoked' });
    expect(await process.counts()).toMatchObject({ grants: { revoked: 1 } });
    const tombstone = await process.grant();
    expect(tombstone.refreshToken?.reveal()).toBe(refreshToken?.reveal());
    expect(tombstone.tokens).toEqual({});
    expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });

    expect(await refusal(process.revoke())).toMatchObject({ error });
    world.vendors.bipsync.setFault();
    expect(await process.revoke()).toEqual({ status: 'revoked', vendor: 'revoked' });
    await expect(process.grant()).rejects.toThrow('no grant');
  },
);

test('force forgets a grant whose vendor is out, and says that the vendor was not told', async () => {
  const process = grantProcess(world, await revocable(world), { timing: quick });
  await process.consent();
  world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'revoke', times: 0 });
  expect(await process.revoke('default', 'true')).toEqual({ status: 'revoked', vendor: 'failed' });
  await expect(process.grant()).rejects.toThrow('no grant');
});

test('force says so where the vendor can be reached, too', async () => {
  const process = grantProcess(world, await revocable(world));
  await process.consent();
  expect(await process.revoke('default', 'true')).toEqual({ status: 'revoked', vendor: 'revoked' });
  expect(await refusal(process.revoke('default', 'yes'))).toMatchObject({ error: 'invalid_request' });
});

test('a grant without a refresh token is ended by its access tokens, also at the second try', async () => {
  const process = grantProcess(world, await revocable(world), { timing: quick });
  world.vendors.bipsync.setFault({ fault: 'odd_member', endpoint: 'token', member: 'refresh_token' });
  await process.consent();
  const { access_token } = await process.token();
  world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'revoke', times: 2 });
  expect(await refusal(process.revoke())).toMatchObject({ error: 'vendor_unavailable' });
  expect(await process.revoke()).toEqual({ status: 'revoked', vendor: 'revoked' });
  expect(world.vendors.bipsync.isLive(access_token)).toBe(false);
});

test('two revocations at once both succeed', async () => {
  const process = grantProcess(world, await revocable(world));
  await process.consent();
  const answers = await Promise.all([process.revoke(), grantProcess(world, process.connection).revoke()]);
  expect(answers.map(({ status }) => status)).toContain('revoked');
  await expect(process.grant()).rejects.toThrow('no grant');
});

test('a revoked grant is not sent to a server that the connection names now', async () => {
  const process = grantProcess(world, await revocable(world));
  await process.consent();
  const members = { tokenEndpoint: `${world.vendors.origins.bipsync}/v1/oauth/token`, issuer: undefined };
  const revocationEndpoint = `${world.vendors.origins.bipsync}/v1/oauth/revoke`;
  const moved = grantProcess(world, { ...process.connection, ...members, revocationEndpoint });
  expect(await refusal(moved.revoke())).toMatchObject({ error: 'consent_required' });
  expect(revocations()).toBe(0);
  expect(await moved.revoke('default', 'true')).toEqual({ status: 'revoked', vendor: 'failed' });
  expect(revocations()).toBe(0);
});

test('consent after a revocation starts afresh', async () => {
  const process = grantProcess(world, await revocable(world));
  const before = await process.consent();
  await process.revoke();
  const after = await process.consent();
  expect(after.generation).not.toBe(before.generation);
  expect(await process.token()).toMatchObject({ source: 'table' });
});

test('a revocation that the vendor could not be told of is told by the sweep, until it is told', async () => {
  const process = grantProcess(world, await revocable(world), { timing: quick });
  await process.consent();
  const { access_token } = await process.token();
  world.vendors.bipsync.setFault({ fault: 'server_error', endpoint: 'revoke', times: 0 });
  await refusal(process.revoke());
  const tombstone = await process.grant();
  for (let sweeps = 0; sweeps < 3; sweeps += 1) {
    world.clock.advance((await process.grant()).dueAt - world.clock.now());
    expect(await process.sweep()).toMatchObject({ failed: 1 });
  }
  const { dueAt, status } = await process.grant();
  expect(status).toBe('revoked');
  expect(dueAt - world.clock.now()).toBeGreaterThan(tombstone.dueAt - tombstone.consentedAt);
  expect(world.vendors.bipsync.isLive(access_token)).toBe(true);
  world.vendors.bipsync.setFault();
  world.clock.advance(dueAt - world.clock.now());
  await process.sweep();
  expect(world.vendors.bipsync.isLive(access_token)).toBe(false);
  await expect(process.grant()).rejects.toThrow('no grant');
});

test('what waits in a rescue is told to the vendor as well, though not at the first try', async () => {
  const process = grantProcess(world, await revocable(world), { timing: quick });
  const grant = await process.consent();
  // The answer to an attempt that could not be committed; what the grant still holds is spent.
  const { generation, refreshToken } = grant;
  const rescue = { attempt: 'rescued', generation, refreshToken: refreshToken!, scopeKey: 'research:read' };
  await process.stores.rescues.save(grant, rescue);
  const seen = await process.grant();
  const spent = { ...seen, attempts: ['rescued'], refreshToken: new Redacted('spent') };
  await process.stores.grants.write(seen, spent);
  world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'revoke', times: 0 });
  await refusal(process.revoke());
  world.vendors.bipsync.setFault();
  world.clock.advance(60_000);
  await process.sweep();
  await expect(process.grant()).rejects.toThrow('no grant');
  expect(
    Object.values(grant.tokens).map(({ accessToken }) => world.vendors.bipsync.isLive(accessToken.reveal())),
  ).toEqual([false]);
  expect(await process.stores.rescues.find(grant, generation, 'rescued')).toBeUndefined();
});
