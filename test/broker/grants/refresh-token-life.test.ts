/** How long refresh tokens live is said in the connections file; the grant then says when it ends, and warns before. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { brokerWorld } from '../../support/broker.ts';
import { grantProcess, quick } from '../../support/grants.ts';
import { type Habits, SECRET, startRecipePeer } from '../../vendors/recipe-peer.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HABITS: Habits = {
  authorize: '/authorize',
  token: '/token',
  client: 'basic',
  lifetime: 3_600,
  refreshTokens: 'rotate',
  refusal: [400, { error: 'invalid_grant' }],
};

const world = brokerWorld();

async function consented(members: object) {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const peer = await startRecipePeer(HABITS, { now: world.clock.now, publicKey });
  onTestFinished(() => peer.close());
  const connection = await world.connect(
    {
      vendor: 'custom',
      token_endpoint: `${peer.origin}/token`,
      authorization_endpoint: `${peer.origin}/authorize`,
      grant: 'authorization_code',
      client_auth: 'client_secret_basic',
      ...members,
    },
    SECRET,
  );
  const process = grantProcess(world, connection, { timing: quick });
  await process.consent();
  return { process, peer };
}

/** Hours from now. */
const endOf = ({ refresh_token_expires_at: end = '' }) =>
  Math.round((Date.parse(end) - world.clock.now()) / HOUR);

test('nothing is said of an end that nobody knows', async () => {
  const { process } = await consented({});
  const { grants } = await process.grants();
  for (const shown of [await process.describe(), await process.counts(), ...grants])
    for (const member of ['refresh_token_expires_at', 'expiring', 'grants_expiring'])
      expect(shown).not.toHaveProperty(member);
});

test('an absolute end is that of the consent, whatever is refreshed, and is told a week before', async () => {
  const { process } = await consented({ refresh_token_lifetime: { absolute: 90 * 86_400 } });
  world.clock.advance(82 * DAY);
  await process.sweep();
  expect(endOf(await process.describe())).toBe(8 * 24);
  expect(await process.describe()).not.toHaveProperty('expiring');
  expect(process.changes()).not.toContain('expiring');
  world.clock.advance(DAY + HOUR);
  await process.sweep();
  expect(process.changes()).toContain('expiring');
  expect(endOf(await process.describe())).toBe(7 * 24 - 1);
  expect(await process.describe()).toMatchObject({ expiring: true });
  expect(await process.counts()).toMatchObject({ grants: { active: 1 }, grants_expiring: 1 });
  expect((await process.grants()).grants).toMatchObject([{ expiring: true }]);
  // Who consents again is not warned any more.
  await process.consent(undefined, { replace: true });
  expect(await process.describe()).not.toHaveProperty('expiring');
});

test('a refresh moves the end of an idle one, which is used at half of its life at the latest', async () => {
  const { process, peer } = await consented({
    refresh: 'on_use',
    refresh_token_lifetime: { idle: 10 * 3_600 },
  });
  expect(endOf(await process.describe())).toBe(10);
  world.clock.advance(5 * HOUR);
  await process.sweep();
  expect(peer.received('refresh_token')).toBe(1);
  expect(endOf(await process.describe())).toBe(10);
  expect(process.changes()).not.toContain('expiring');
});

test('an idle one that could not be used is told of before it is too late', async () => {
  const { process } = await consented({ refresh_token_lifetime: { idle: 10 * 3_600 } });
  world.clock.advance(8 * HOUR);
  expect(await process.describe()).toMatchObject({ expiring: true });
  expect(endOf(await process.describe())).toBe(2);
});

test('what a vendor has ended ends no more', async () => {
  const { process, peer } = await consented({ refresh_token_lifetime: { absolute: 86_400 } });
  peer.end();
  world.clock.advance(23 * HOUR);
  await process.sweep();
  expect(await process.describe()).toMatchObject({ grant_status: 'consent_required' });
  expect(await process.describe()).not.toHaveProperty('refresh_token_expires_at');
  expect(await process.counts()).not.toHaveProperty('grants_expiring');
});
