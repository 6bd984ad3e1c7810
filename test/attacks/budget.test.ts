/** What one caller can make the broker ask of a vendor, and what that costs the others. Each of these once succeeded. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { brokerWorld, refusal } from '../support/broker.ts';
import { grantProcess, kiosk, portal, quick } from '../support/grants.ts';
import { type HttpPeer, json, startHttpPeer } from '../support/http-peer.ts';

const world = brokerWorld();

const SCOPES = Array.from({ length: 8 }, (_, index) => `scope-${index}`);
const roleOf = (name: string) => `arn:aws:sts::111122223333:assumed-role/${name}/session`;

/** A server that gives whatever is asked for, and counts. */
let peer: HttpPeer;
beforeEach(async () => {
  peer = await startHttpPeer();
  peer.replyWith((response, { parameters }) => {
    const token = {
      access_token: randomUUID(),
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: parameters.scope,
    };
    json(200, token)(response, null as never);
  });
});
afterEach(() => peer.close());
/** Calls are counted by the minute: each test has a whole one. */
beforeEach(() => world.clock.advance(60_100 - (world.clock.now() % 60_000)));
const asked = () => peer.received.length;

function manyScopes(vendor_budget?: object) {
  return world.connect(
    {
      vendor: 'custom',
      token_endpoint: `${peer.origin}/token`,
      client_auth: 'client_secret_post',
      scopes: SCOPES,
      scope: SCOPES[0],
      ...(vendor_budget && { vendor_budget }),
    },
    { client_id: 'many-scopes', client_secret: 'secret' },
  );
}

const subsets = Array.from({ length: 199 }, (_, index) =>
  SCOPES.filter((_, bit) => ((index + 1) >> bit) & 1).join(' '),
);

test('199 sets of scopes are sixty mints, and the other callers of the connection still get theirs', async () => {
  const connection = await manyScopes();
  const process = world.process(connection);
  await process.token({}, { as: roleOf('greedy') });
  const ask = (scope: string) =>
    process.token({ scope }, { as: roleOf('greedy') }).catch((error: { code: string }) => error.code);
  const answers: unknown[] = [];
  // Twenty at a time: a store that is too busy to answer would be taken for one that is down, which stops nobody.
  // Where it is busy all the same, a repeated write counts twice: sixty, or nearly; the table's own test counts to one.
  for (let from = 0; from < subsets.length; from += 20)
    answers.push(...(await Promise.all(subsets.slice(from, from + 20).map(ask))));
  const refused = answers.filter((answer) => answer === 'rate_limited').length;
  // One set was there already.
  expect(asked() + refused).toBe(199);
  expect(Math.abs(asked() - 60)).toBeLessThan(10);
  // Also from another process, and under another session name.
  const elsewhere = world.process(connection);
  expect(
    await refusal(elsewhere.token({ scope: subsets[198] }, { as: `${roleOf('greedy')}-2` })),
  ).toMatchObject({
    error: 'rate_limited',
    retry_after: expect.any(Number),
  });
  expect(await elsewhere.token({ scope: subsets[198] }, { as: roleOf('modest') })).toMatchObject({
    source: 'vendor',
  });
  // What is there already is given whatever the budget says, and the next minute brings another.
  expect(await process.token({ scope: SCOPES[0] }, { as: roleOf('greedy') })).toHaveProperty('access_token');
  world.clock.advance(60_000);
  expect(await elsewhere.token({ scope: subsets[197] }, { as: roleOf('greedy') })).toMatchObject({
    source: 'vendor',
  });
});

test('all callers together stay within what the connection may', async () => {
  const process = world.process(await manyScopes({ per_minute: 5, per_principal: 3 }));
  const got = await Promise.all(
    ['one', 'two', 'three'].flatMap((name, index) =>
      subsets.slice(index * 10, index * 10 + 10).map((scope) =>
        process.token({ scope }, { as: roleOf(name) }).then(
          () => 1,
          () => 0,
        ),
      ),
    ),
  );
  expect(got.reduce<number>((sum, one) => sum + one, 0)).toBe(5);
});

test('a token that is there is given with a warning when a newer one would be over the budget', async () => {
  const process = world.process(await manyScopes({ per_minute: 1 }));
  const { access_token } = await process.token();
  world.clock.advance(1_000);
  expect(await process.token({ min_ttl: 86_400 })).toMatchObject({
    access_token,
    warning: expect.stringContaining('rate_limited'),
  });
});

test('while the table is down each process keeps within the budget by itself', async () => {
  const process = world.process(await manyScopes({ per_minute: 3 }));
  world.dynamodb.inject('reset');
  const answers = await Promise.all(
    subsets.slice(0, 9).map((scope) => process.token({ scope }).catch(() => undefined)),
  );
  expect(answers.filter(Boolean)).toHaveLength(3);
});

test('fifty looks at the token owner are one call of the vendor, and show no more than is named', async () => {
  const connection = await world.connect({ vendor: 'bits', scope: 'application' }, 'bits');
  const process = grantProcess(world, connection);
  const before = world.vendors.bits.counters.received('userinfo');
  const answers = await Promise.all(Array.from({ length: 50 }, () => process.userinfo()));
  for (let look = 0; look < 50; look += 1) answers.push(await process.userinfo());
  expect(new Set(answers.map((answer) => JSON.stringify(Object.keys(answer))))).toEqual(
    new Set(['["customerId"]']),
  );
  expect(world.vendors.bits.counters.received('userinfo') - before).toBe(1);
});

test('devices are begun only so often', async () => {
  const connection = await kiosk(world, { vendor_budget: { per_principal: 4 } });
  const process = grantProcess(world, connection);
  const begun = await Promise.all(
    Array.from({ length: 30 }, () => process.begin().then(Boolean, () => false)),
  );
  expect(begun.filter(Boolean)).toHaveLength(4);
});

test("the sweep's renewals are nobody's, and are not held back by what callers have used up", async () => {
  const process = grantProcess(world, await portal(world, { vendor_budget: { per_minute: 1 } }), {
    timing: quick,
  });
  await process.consent();
  world.clock.advance(3_590_000);
  expect(await process.token()).toMatchObject({ source: 'vendor' });
  world.clock.advance(1_000);
  await process.token({ min_ttl: 86_400 });
  world.clock.advance(((await process.grant()).dueAt - world.clock.now()) % 3_600_000);
  expect(await process.sweep()).toMatchObject({ renewed: 1 });
});

test('a report of one caller does not stand in the way of a genuine one of another', async () => {
  const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
  const process = world.process(connection);
  const printOf = (answer: { access_token: string }) => fingerprint(new Redacted(answer.access_token));
  const report = (rejected: string, who: string) => process.token({ rejected }, { as: roleOf(who) });
  const first = await process.token();
  const second = await report(printOf(first), 'mischief');
  expect(second.access_token).not.toBe(first.access_token);
  // The same caller again: not for min_mint_interval.
  expect(await refusal(report(printOf(second), 'mischief'))).toMatchObject({ error: 'vendor_rejected' });
  const third = await report(printOf(second), 'honest');
  expect(third.access_token).not.toBe(second.access_token);
  expect(await refusal(report(printOf(third), 'honest'))).toMatchObject({
    error: 'vendor_rejected',
    retry_after: expect.any(Number),
  });
});
