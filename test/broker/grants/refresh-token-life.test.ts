/** How long refresh tokens live is said in the connections file; the grant then says when it ends, and warns before. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
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

async function consented(members: object, habits: Partial<Habits> = {}) {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const peer = await startRecipePeer({ ...HABITS, ...habits }, { now: world.clock.now, publicKey });
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
  return { process, peer, connection };
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

describe('a server that takes no refresh token before it is five minutes old', () => {
  const early = { minimum_refresh_age: 300, min_mint_interval: 0 };
  const SECOND = 1_000;
  const refusedBy = (token: { access_token: string }) => ({
    rejected: fingerprint(new Redacted(token.access_token)),
  });

  test('is sent none by the sweep before, however short its tokens live, and at once then', async () => {
    const { process, peer } = await consented(early, { lifetime: 120 });
    const { dueAt, consentedAt } = await process.grant();
    expect(dueAt).toBe(consentedAt + 300 * SECOND);
    world.clock.advance(115 * SECOND);
    await process.sweep();
    world.clock.advance(180 * SECOND);
    await process.sweep();
    expect(peer.received('refresh_token')).toBe(0);
    world.clock.advance(6 * SECOND);
    await process.sweep();
    expect(peer.received('refresh_token')).toBe(1);
    // The new one is young again.
    world.clock.advance(290 * SECOND);
    await process.sweep();
    expect(peer.received('refresh_token')).toBe(1);
  });

  test('is sent none before by the sweep either that may renew at any time of a longer life', async () => {
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const { process } = await consented(early);
    const { dueAt, consentedAt } = await process.grant();
    expect(dueAt).toBe(consentedAt + 300 * SECOND);
  });

  test('is sent none by callers who want more, and they are told as within min_mint_interval', async () => {
    const { process, peer } = await consented(early);
    const token = await process.token();
    world.clock.advance(100 * SECOND);
    expect(await process.token({ min_ttl: 3_590 })).toMatchObject({
      access_token: token.access_token,
      warning: expect.stringMatching(/minimum_refresh_age.*Ask again in (?:199|200) s/),
    });
    expect(await refusal(process.token(refusedBy(token)))).toMatchObject({
      error: 'vendor_rejected',
      error_description: expect.stringContaining('minimum_refresh_age'),
      retry_after: expect.toSatisfy((after: number) => after > 190 && after <= 200),
    });
    expect(peer.received('refresh_token')).toBe(0);
    world.clock.advance(201 * SECOND);
    expect((await process.token(refusedBy(token))).access_token).not.toBe(token.access_token);
    expect(peer.received('refresh_token')).toBe(1);
  });

  test('is sent none for callers who have nothing either: they are told when', async () => {
    const { process, peer } = await consented(early, { lifetime: 60 });
    await process.token();
    world.clock.advance(61 * SECOND);
    expect(await refusal(process.token())).toMatchObject({
      error: 'rate_limited',
      error_description: expect.stringContaining('minimum_refresh_age'),
      retry_after: expect.toSatisfy((after: number) => after > 230 && after <= 240),
    });
    expect(peer.received('refresh_token')).toBe(0);
    world.clock.advance(240 * SECOND);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('keeps its tokens in use to their end, without a word', async () => {
    const { process } = await consented(early, { lifetime: 200 });
    const token = await process.token();
    world.clock.advance(185 * SECOND);
    const again = await process.token();
    expect(again).toMatchObject({ access_token: token.access_token });
    expect(again).not.toHaveProperty('warning');
  });

  test('is sent none of a grant that was stored before the connection said so', async () => {
    const { process, peer, connection } = await consented({}, { lifetime: 120 });
    const server = { ...connection.server, minimumRefreshAge: 300 };
    const after = grantProcess(world, { ...connection, server }, { timing: quick });
    world.clock.advance(115 * SECOND);
    await after.sweep();
    expect(peer.received('refresh_token')).toBe(0);
    world.clock.advance(190 * SECOND);
    await after.sweep();
    expect(peer.received('refresh_token')).toBe(1);
    expect(await process.grant()).toMatchObject({ attempts: [] });
  });
});

describe('a server that says how long its refresh token lives', () => {
  const saying = (...lives: unknown[]) => {
    const habits: Partial<Habits> = {
      answer: (members) => ({ ...members, ...((lives.length > 1 ? lives.shift() : lives[0]) as object) }),
    };
    return habits;
  };

  test.each(['refresh_token_expires_in', 'refresh_expires_in'])(
    'by %s is believed rather than the setting, and each answer anew',
    async (member) => {
      const { process } = await consented(
        { refresh: 'on_use', refresh_token_lifetime: { absolute: 90 * 86_400 } },
        saying({ [member]: 10 * 3_600 }, { [member]: '7200' }, {}),
      );
      expect(endOf(await process.describe())).toBe(10);
      expect((await process.grants()).grants).toMatchObject([
        { refresh_token_expires_at: expect.any(String) },
      ]);
      world.clock.advance(8.5 * HOUR);
      expect(await process.describe()).toMatchObject({ expiring: true });
      expect(await process.counts()).toMatchObject({ grants_expiring: 1 });
      await process.token();
      expect(endOf(await process.describe())).toBe(2);
      expect(await process.describe()).not.toHaveProperty('expiring');
      // Of a new one nothing is said: then it is as the connection has it.
      world.clock.advance(1.5 * HOUR);
      await process.token();
      expect(endOf(await process.describe())).toBe(90 * 24 - 10);
    },
  );

  test('has it used at half of its life at the latest', async () => {
    const { process, peer } = await consented(
      { refresh: 'on_use' },
      saying({ refresh_token_expires_in: 7_200 }),
    );
    world.clock.advance(HOUR + 1_000);
    await process.sweep();
    expect(peer.received('refresh_token')).toBe(1);
  });

  test('has what it said kept with a token that stays', async () => {
    const { process } = await consented(
      { refresh: 'on_use' },
      { refreshTokens: 'stay', ...saying({ refresh_expires_in: 36_000 }, { refresh_token: undefined }) },
    );
    world.clock.advance(4 * HOUR);
    await process.token();
    expect(endOf(await process.describe())).toBe(6);
  });

  test.each([0, -1, 'never', null, 1e300])('but says %j, is taken to say nothing', async (life) => {
    const { process } = await consented({}, saying({ refresh_token_expires_in: life }));
    expect(await process.describe()).not.toHaveProperty('refresh_token_expires_at');
    world.clock.advance(HOUR);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });
});
