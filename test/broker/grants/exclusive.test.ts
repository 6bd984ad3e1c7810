import { beforeEach, expect, test } from 'vitest';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, quick, research } from '../../support/grants.ts';

/** Vendors whose refresh ends the access token before it: Bipsync (invariant 11). */
const world = brokerWorld();

beforeEach(() => {
  world.vendors.bipsync.set({ reuse_detection: true });
});

const refreshes = () => world.vendors.bipsync.counters.received('token', 'refresh_token');
const printOf = (accessToken: string) => fingerprint(new Redacted(accessToken));

async function consented(): Promise<GrantProcess> {
  const process = grantProcess(world, await research(world), { timing: quick });
  await process.consent();
  return process;
}

const another = (process: GrantProcess) => grantProcess(world, process.connection, { timing: quick });

test('after a refresh in one process no other serves the dead token', async () => {
  const one = await consented();
  const two = another(one);
  const { access_token: dead } = await one.token();
  expect(await two.token()).toMatchObject({ access_token: dead, source: 'table' });
  expect(await one.token()).toMatchObject({ access_token: dead, source: 'table' });
  const { access_token: live } = await two.token({ rejected: printOf(dead) });
  expect(world.vendors.bipsync.isLive(dead)).toBe(false);
  expect(await one.token()).toMatchObject({ access_token: live, source: 'table' });
  expect(world.vendors.bipsync.isLive(live)).toBe(true);
});

test('after a refresh the grant keeps no other token, whatever it was for', async () => {
  const process = await consented();
  const grant = await process.grant();
  const [token] = Object.values(grant.tokens);
  await process.stores.grants.write(grant, { ...grant, tokens: { ...grant.tokens, another: token! } });
  await process.token({ rejected: printOf(token!.accessToken.reveal()) });
  expect(Object.keys((await process.grant()).tokens)).toEqual(['research:read']);
});

test('min_ttl forces no refresh of a live token: it is given with a warning', async () => {
  const process = await consented();
  const { access_token } = await process.token();
  const answer = await process.token({ min_ttl: 86_400 });
  expect(answer).toMatchObject({ access_token, warning: expect.stringContaining('min_ttl') });
  expect(refreshes()).toBe(0);
});

test.each([
  ['keep_warm', 15, "callers leave it to the sweep until the sweep's time is over"],
  ['on_use', 30, 'callers renew it themselves'],
])('with %s, a token is renewed by a caller when it has %i s left: %s', async (refresh, seconds) => {
  const process = grantProcess(world, await research(world, { refresh }), { timing: quick });
  await process.consent();
  world.clock.advance((3_600 - seconds - 2) * 1_000);
  expect(await process.token()).toMatchObject({ source: 'table' });
  expect(refreshes()).toBe(0);
  world.clock.advance(3_000);
  expect(await process.token()).toMatchObject({ source: 'vendor' });
});

test('min_ttl keeps no due token from being renewed', async () => {
  const process = grantProcess(world, await research(world, { refresh: 'on_use' }), { timing: quick });
  await process.consent();
  world.clock.advance(3_580 * 1_000);
  expect(await process.token({ min_ttl: 600 })).toMatchObject({ source: 'vendor' });
});

test('a connection whose scope was narrowed since has one token, for sweep and callers alike', async () => {
  const wide = grantProcess(world, await research(world, { scope: 'research:read research:write' }));
  await wide.consent();
  const scope = ['research:read'];
  const narrow = grantProcess(world, { ...wide.connection, scope, scopes: scope }, { timing: quick });
  const { access_token } = await narrow.token();
  world.clock.advance(3_590_000);
  expect(await narrow.sweep()).toMatchObject({ renewed: 1 });
  const answer = await narrow.token();
  expect(answer).toMatchObject({ source: 'table' });
  expect(answer.access_token).not.toBe(access_token);
  expect(world.vendors.bipsync.isLive(answer.access_token)).toBe(true);
  expect(refreshes()).toBe(2);
});

test.each([
  ['min_ttl', 0],
  ['rejected', 1],
])('a storm of 500 callers with %s in two processes causes %i refreshes', async (member, expected) => {
  const one = await consented();
  const two = another(one);
  const { access_token } = await one.token();
  const body = member === 'rejected' ? { rejected: printOf(access_token) } : { min_ttl: 86_400 };
  const storm = Array.from({ length: 500 }, (_, index) => (index % 2 === 0 ? one : two).token(body));
  const answers = await Promise.all(storm);
  expect(refreshes()).toBe(expected);
  const given = new Set(answers.map((answer) => answer.access_token));
  expect(given.size).toBe(1);
  expect(given.has(access_token)).toBe(member === 'min_ttl');
  expect(world.vendors.bipsync.isLive([...given][0]!)).toBe(true);
});

test('the same token refused twice within min_mint_interval is not refreshed twice', async () => {
  const process = await consented();
  const { access_token: first } = await process.token();
  const { access_token: second } = await process.token({ rejected: printOf(first) });
  expect(await refusal(process.token({ rejected: printOf(second) }))).toMatchObject({
    error: 'vendor_rejected',
    retry_after: expect.any(Number),
  });
  expect(refreshes()).toBe(1);
  world.clock.advance(30_000);
  expect(await process.token({ rejected: printOf(second) })).toMatchObject({ source: 'vendor' });
});

test('when the grant store is down, nothing is served from memory', async () => {
  const process = await consented();
  await process.token();
  world.dynamodb.inject('reset');
  expect(await refusal(process.token())).toMatchObject({ error: 'store_unavailable' });
});

test('a request that comes while a refresh is under way gets the new token, in the same process and in another', async () => {
  const process = await consented();
  const { access_token: dead } = await process.token();
  world.vendors.bipsync.setFault({ fault: 'slow', delay_ms: 250, endpoint: 'token' });
  const first = process.token({ rejected: printOf(dead) });
  await expect.poll(() => world.vendors.bipsync.isLive(dead)).toBe(false);
  const [here, elsewhere] = await Promise.all([process.token(), another(process).token()]);
  const { access_token: live } = await first;
  expect([here.access_token, elsewhere.access_token]).toEqual([live, live]);
  expect(refreshes()).toBe(1);
});

/** Sweeps come a minute apart, 90 s ahead each; half a minute is all there is to renew in. */
test.each([1, 15, 29, 31, 45, 59])(
  'a grant that falls due %i s after a sweep has begun is renewed by that sweep, in its time',
  async (phase) => {
    const process = await consented();
    const { dueAt, tokens } = await process.grant();
    world.clock.advance(dueAt - phase * 1_000 - world.clock.now());
    const read = Promise.withResolvers<void>();
    const sweeping = grantProcess(world, process.connection, {
      timing: quick,
      stores: (stores) => ({
        ...stores,
        grants: {
          ...stores.grants,
          read: (key) => stores.grants.read(key).finally(read.resolve),
        },
      }),
    });
    const sweep = sweeping.sweep({ lookAhead: 90_000, within: 118_000 });
    await read.promise;
    world.clock.advance(dueAt - world.clock.now());
    expect(await sweep).toMatchObject({ renewed: 1 });
    const { lastRefreshAt } = await process.grant();
    const left = tokens['research:read']!.expiresAt - lastRefreshAt!;
    expect(left).toBeGreaterThan(14_000);
    expect(left).toBeLessThanOrEqual(30_000);
  },
);
