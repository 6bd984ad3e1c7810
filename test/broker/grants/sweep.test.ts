import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../shared/broker/ports.ts';
import { StoreUnavailable } from '../../../shared/contract/errors.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { brokerWorld, counted, refusal } from '../../support/broker.ts';
import {
  type GrantProcess,
  grantProcess,
  hooked,
  portal,
  quick,
  research,
  someone,
} from '../../support/grants.ts';
import { rawItems } from '../../support/raw-items.ts';
import { aGrant } from '../../support/stores.ts';

const world = brokerWorld();

/** What earlier tests left due is not this one's. */
beforeEach(async () => {
  world.vendors.bugfender.set({ reuse_detection: true });
  world.vendors.bipsync.set({ reuse_detection: true });
  const stores = grantProcess(world, await portal(world)).stores;
  for (const key of await stores.grants.due(0, Number.MAX_SAFE_INTEGER, 1_000)) {
    await stores.grants.remove((await stores.grants.read(key))!);
  }
});

const refreshes = (name: 'bugfender' | 'bipsync' = 'bugfender') =>
  world.vendors[name].counters.received('token', 'refresh_token');

async function consented(members: object = {}, subjects = ['default']): Promise<GrantProcess> {
  const process = grantProcess(world, await portal(world, members), { timing: quick });
  for (const subject of subjects) await process.consent(subject);
  return process;
}

const until = (time: number) => world.clock.advance(Math.max(0, time - world.clock.now()));

describe('when a grant is due', () => {
  const HOUR = 3_600_000;
  const lifeLeft = ({ tokens, dueAt }: Grant) => Object.values(tokens)[0]!.expiresAt - dueAt;

  test('keep_warm: at first anywhere in the life of the token, so that consents of one hour part', async () => {
    const subjects = Array.from({ length: 20 }, someone);
    const process = await consented({}, subjects);
    const left = await Promise.all(subjects.map(async (subject) => lifeLeft(await process.grant(subject))));
    for (const each of left) expect(each).toBeGreaterThan(150_000);
    // Not at once: a vendor's replicas may not know the refresh token yet.
    for (const each of left) expect(each).toBeLessThan(HOUR * 0.96);
    expect(Math.max(...left) - Math.min(...left)).toBeGreaterThan(HOUR / 3);
  });

  test('keep_warm: then before callers would renew it, by a jittered margin', async () => {
    const process = await consented();
    const left: number[] = [];
    for (let renewals = 0; renewals < 5; renewals += 1) {
      until((await process.grant()).dueAt);
      await process.sweep();
      left.push(lifeLeft(await process.grant()));
    }
    for (const each of left) {
      expect(each).toBeGreaterThan(150_000);
      expect(each).toBeLessThanOrEqual(300_000);
    }
    expect(new Set(left).size).toBe(5);
  });

  test.each([
    ['ten minutes', 600_000],
    ['more than a life', 1.7 * HOUR],
  ])('keep_warm: one that was renewed %s late goes back to its place among the others', async (_, late) => {
    const process = await consented();
    const { dueAt: before } = await process.grant();
    until(before + late);
    expect(await process.sweep()).toMatchObject({ renewed: 1 });
    const { dueAt } = await process.grant();
    expect(dueAt).toBeGreaterThanOrEqual(world.clock.now());
    expect(lifeLeft(await process.grant())).toBeGreaterThan(150_000);
    // Whole lives from then, each less the margin.
    const lives = Math.ceil((dueAt - before) / (HOUR - 185_000));
    expect((dueAt - before) / lives).toBeGreaterThan(HOUR - 301_000);
  });

  test.each([60, 300, 600, 3_600, 86_400])(
    'keep_warm: a token of %i s is renewed by the sweep before a caller does it',
    async (life) => {
      world.vendors.bugfender.set({ expires_in: life });
      const process = await consented();
      until((await process.grant()).dueAt - 1);
      expect(await process.token()).toMatchObject({ source: 'table' });
      expect(refreshes()).toBe(0);
      world.clock.advance(2);
      expect(await process.sweep()).toMatchObject({ renewed: 1 });
    },
  );

  test('keep_warm at a vendor whose refresh ends the token: at most 30 s before', async () => {
    const process = grantProcess(world, await research(world), { timing: quick });
    const consent = await process.consent();
    until(consent.dueAt + 600_000);
    expect(await process.sweep()).toMatchObject({ renewed: 1 });
    for (const grant of [consent, await process.grant()]) {
      expect(lifeLeft(grant)).toBeLessThanOrEqual(30_000);
      expect(lifeLeft(grant)).toBeGreaterThanOrEqual(15_000);
    }
  });

  test('on_use: only when it has not been rotated for rotate_every', async () => {
    const process = await consented({ refresh: 'on_use', rotate_every: 7 * 86_400 });
    const week = 7 * 86_400_000;
    const { dueAt, consentedAt } = await process.grant();
    expect(dueAt - consentedAt).toBeGreaterThanOrEqual(week * 0.9);
    expect(dueAt - consentedAt).toBeLessThanOrEqual(week);
    world.clock.advance(week / 2);
    expect(await process.sweep()).toMatchObject({ due: 0 });
    expect(refreshes()).toBe(0);
    // A caller's refresh counts as use.
    await process.token();
    world.clock.advance(week / 2);
    expect(await process.sweep()).toMatchObject({ due: 0 });
    world.clock.advance(week / 2);
    expect(await process.sweep()).toMatchObject({ due: 1, renewed: 1 });
    expect(refreshes()).toBe(2);
  });

  test('a caller finds the work of the sweep done', async () => {
    const process = await consented();
    until((await process.grant()).dueAt);
    expect(await process.sweep()).toMatchObject({ due: 1, renewed: 1, failed: 0, backlog: 0 });
    expect(await process.token()).toMatchObject({ source: 'table' });
    expect(refreshes()).toBe(1);
    expect(await process.sweep()).toMatchObject({ due: 0 });
  });

  test('what falls due before the next sweep is renewed at its own time', async () => {
    const process = await consented({}, ['soon', 'due']);
    const soon = await process.grant('soon');
    const due = await process.grant('due');
    const { grants } = process.stores;
    await grants.write(due, { ...due, dueAt: world.clock.now() });
    const dueAt = world.clock.now() + 2_000;
    await grants.write(soon, { ...soon, dueAt });
    expect(await process.sweep({ lookAhead: 30_000 })).toMatchObject({ due: 1, renewed: 2 });
    expect((await process.grant('soon')).lastRefreshAt).toBeGreaterThanOrEqual(dueAt);
  });

  test('what falls due soon is not kept waiting by what is due and slow', async () => {
    const soon = grantProcess(world, await research(world), { timing: quick });
    const { dueAt } = await soon.consent();
    const slow = await consented({}, ['slow']);
    const { grants } = slow.stores;
    const grant = await slow.grant('slow');
    until(dueAt - 50);
    await grants.write(grant, { ...grant, dueAt: world.clock.now() });
    const slowly = Promise.withResolvers<void>();
    const order: string[] = [];
    const both = grantProcess(world, [slow.connection, soon.connection], {
      timing: quick,
      stores: (stores) => ({
        ...stores,
        grants: {
          ...stores.grants,
          async write(seen, next) {
            if (seen?.subject === 'slow') await slowly.promise;
            order.push(next.subject);
            if (order.length === 2) slowly.resolve();
            return stores.grants.write(seen, next);
          },
        },
      }),
    });
    expect(await both.sweep({ lookAhead: 90_000 })).toMatchObject({ renewed: 2 });
    expect(order).toEqual(['default', 'default', 'slow', 'slow']);
  });

  test('a grant that has moved on since the index was written is not waited for', async () => {
    const process = await consented();
    const grant = await process.grant();
    await process.stores.grants.write(grant, { ...grant, dueAt: world.clock.now() + 200 });
    const stale = grantProcess(world, process.connection, {
      stores: (stores) => ({
        ...stores,
        grants: { ...stores.grants, due: async () => [{ ...grant }] },
      }),
    });
    expect(await stale.sweep()).toMatchObject({ due: 1, renewed: 0, skipped: 1 });
    expect(refreshes()).toBe(0);
  });
});

describe('one refresh token, spent once', () => {
  test('two sweeps and ten callers on one grant', async () => {
    const process = await consented();
    world.clock.advance(3_600_000);
    world.vendors.bugfender.set({ latency_ms: 100 });
    const others = Array.from({ length: 10 }, () =>
      grantProcess(world, process.connection, { timing: quick }),
    );
    const [one, two, ...answers] = await Promise.all([
      process.sweep(),
      grantProcess(world, process.connection).sweep(),
      ...others.map((other) => other.token()),
    ]);
    expect(refreshes()).toBe(1);
    expect(world.vendors.bugfender.counters.snapshot().family_burns).toBe(0);
    expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(1);
    expect(one.renewed + two.renewed).toBeLessThanOrEqual(1);
    expect(await process.describe()).toMatchObject({ grant_status: 'active' });
  });

  test('what the index says late is checked against the grant', async () => {
    const process = await consented();
    until((await process.grant()).dueAt);
    const key = { connection: process.connection.name, subject: 'default' };
    const stale = grantProcess(world, process.connection, {
      stores: (stores) => ({ ...stores, grants: { ...stores.grants, due: async () => [key, key] } }),
    });
    expect(await stale.sweep()).toMatchObject({ due: 2, renewed: 1, skipped: 1 });
    expect(await stale.sweep()).toMatchObject({ due: 2, renewed: 0, skipped: 2 });
    expect(refreshes()).toBe(1);
  });
});

describe('attempts that were left behind', () => {
  test.each([
    ['keep_warm', {}],
    ['on_use', { refresh: 'on_use', rotate_every: 30 * 86_400 }],
  ])('are seen with %s, after the lease', async (_, members) => {
    const process = await consented(members);
    world.vendors.bugfender.set({ grace_window: 60 });
    const dying = grantProcess(world, process.connection, {
      stores: (stores) =>
        hooked(stores, { before: (count) => (count > 1 ? new Promise<void>(() => {}) : undefined) }),
    });
    world.clock.advance(3_590_000);
    void dying.token().catch(() => undefined);
    await expect.poll(() => refreshes()).toBe(1);
    await expect.poll(() => process.grant()).toMatchObject({ attempts: [expect.any(String)] });
    // While the lease lasts, its holder may be alive.
    expect(await process.sweep({ lookAhead: 60_000 })).toMatchObject({ renewed: 0 });
    expect(refreshes()).toBe(1);
    expect(await process.describe()).toMatchObject({ grant_status: 'in_doubt' });
    world.clock.advance(31_000);
    expect(await process.sweep()).toMatchObject({ due: 1, renewed: 1 });
    expect(await process.describe()).toMatchObject({ grant_status: 'active' });
    expect(world.vendors.bugfender.counters.snapshot().family_burns).toBe(0);
  });
});

describe('a connection in trouble', () => {
  const subjects = (count: number) => Array.from({ length: count }, () => someone());

  test('a failing grant is put off, longer each time', async () => {
    const process = await consented();
    world.vendors.bugfender.setFault({
      fault: 'oauth_error',
      error: 'invalid_scope',
      endpoint: 'token',
      times: 0,
    });
    const pauses: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      until((await process.grant()).dueAt);
      expect(await process.sweep()).toMatchObject({ due: 1, failed: 1 });
      pauses.push(Math.round(((await process.grant()).dueAt - world.clock.now()) / 60_000));
    }
    expect(pauses).toEqual([1, 2, 4, 8]);
  });

  test('is given up for this sweep after some failures, while the others are renewed', async () => {
    const broken = await consented({}, subjects(90));
    const sound = grantProcess(world, await research(world), { timing: quick });
    await sound.consent();
    const both = grantProcess(world, [broken.connection, sound.connection], { timing: quick });
    world.clock.advance(3_600_000);
    world.vendors.bugfender.counters.reset();
    world.vendors.bugfender.setFault({ fault: 'dropped', endpoint: 'token', times: 0 });
    const report = await both.sweep();
    expect(report).toMatchObject({ due: 91, renewed: 1 });
    // As many as were under way at once may fail before the third failure is known.
    expect(refreshes()).toBeLessThanOrEqual(66);
    expect(report.failed + report.backlog).toBe(90);
    expect(report.backlog).toBeGreaterThanOrEqual(24);
    expect(both.events).toContainEqual({ type: 'sweep', ...report });
  });

  test('takes turns with the others, and leaves to the next sweep what there is no time for', async () => {
    const large = await consented({}, subjects(100));
    const small = grantProcess(world, await research(world), { timing: quick });
    await small.consent();
    world.clock.advance(3_600_000);
    const read: string[] = [];
    const both = grantProcess(world, [large.connection, small.connection], {
      stores: (stores) => ({
        ...stores,
        grants: {
          ...stores.grants,
          async read(key) {
            // All that may be under way at once has begun: from now on nothing more can.
            if (read.push(key.connection) === 65) world.clock.advance(290_000);
            return stores.grants.read(key);
          },
        },
      }),
    });
    const report = await both.sweep();
    expect(read.slice(0, 2)).toContain(small.connection.name);
    expect(report.backlog).toBeGreaterThan(0);
    expect(report.renewed + report.failed + report.backlog).toBe(101);
  });

  test('without time to begin anything, all is left to the next sweep, unread', async () => {
    const process = await consented();
    world.clock.advance(3_600_000);
    const { GetItem: reads = 0, ...others } = await counted(world.dynamodb, async () => {
      expect(await process.sweep({ within: 19_000 })).toMatchObject({ due: 1, renewed: 0, backlog: 1 });
    });
    expect([reads, others]).toEqual([0, { Query: 1 }]);
    expect(refreshes()).toBe(0);
  });

  /** A sweep over 200 grants, each read of which does as `read` says. */
  async function sweepReading(read: (index: number) => Promise<undefined>) {
    const { name: connection } = await portal(world);
    const keys = subjects(200).map((subject) => ({ connection, subject }));
    let reads = 0;
    const process = grantProcess(world, await portal(world), {
      stores: (stores) => ({
        ...stores,
        grants: {
          ...stores.grants,
          due: async () => keys,
          read: () => {
            reads += 1;
            return read(reads);
          },
        },
      }),
    });
    return process.sweep();
  }

  test('is not given up for failures with successes in between', async () => {
    const report = await sweepReading(async (index) => {
      if (index % 2 === 0) throw new StoreUnavailable('down');
      return undefined;
    });
    expect(report).toMatchObject({ failed: 100, skipped: 100, backlog: 0 });
  });

  test('is given up, too, when it is the store that fails', async () => {
    const report = await sweepReading(() => Promise.reject(new StoreUnavailable('down')));
    expect(report.backlog).toBeGreaterThanOrEqual(200 - 66);
  });

  test('with a defect starves no other grant, and the sweep fails with it', async () => {
    let read = 0;
    const defect = new TypeError('a defect');
    const sweep = sweepReading(async (index) => {
      read = index;
      if (index === 1) throw defect;
      return undefined;
    });
    await expect(sweep).rejects.toBe(defect);
    expect(read).toBe(200);
  });

  test('whose vendor is slow, but succeeds, leaves the others their share', async () => {
    const keys = ['slow', 'quick'].flatMap((connection) =>
      subjects(200).map((subject) => ({ connection, subject })),
    );
    const answered = Promise.withResolvers<void>();
    let looked = 0;
    const process = grantProcess(world, await portal(world), {
      stores: (stores) => ({
        ...stores,
        grants: {
          ...stores.grants,
          due: async () => keys,
          // Nothing of the slow one is done before all of the quick one is.
          async read({ connection }) {
            if (connection === 'slow') await answered.promise;
            else looked += 1;
            if (looked === 200) answered.resolve();
            return undefined;
          },
        },
      }),
    });
    expect(await process.sweep()).toMatchObject({ due: 400, skipped: 400, backlog: 0 });
  });

  test('that is gone from the file is set aside, and its grant stays', async () => {
    const process = await consented();
    const before = await process.grant();
    const other = grantProcess(world, await portal(world));
    world.clock.advance(3_600_000);
    expect(await other.sweep()).toMatchObject({ due: 1, skipped: 1 });
    const after = await process.grant();
    expect(after).toMatchObject({ generation: before.generation, status: 'active' });
    expect(after.dueAt).toBeGreaterThan(world.clock.now() + 3_000_000);
  });

  test('that acts for itself now is set aside, and nothing is sent', async () => {
    const process = await consented();
    world.clock.advance(3_600_000);
    const changed = grantProcess(world, { ...process.connection, grant: 'client_credentials' });
    expect(await changed.sweep()).toMatchObject({ due: 1, skipped: 1 });
    expect(refreshes()).toBe(0);
  });

  test('that points elsewhere is set aside, and nothing is sent', async () => {
    const process = await consented();
    world.clock.advance(3_600_000);
    const moved = grantProcess(world, { ...process.connection, baseUrl: 'http://127.0.0.1:1' });
    expect(await moved.sweep()).toMatchObject({ due: 1, skipped: 1 });
    expect(await process.grant()).toMatchObject({ status: 'active', attempts: [] });
  });

  test('that points elsewhere has grants that need a consent, in every view and without "replace"', async () => {
    const process = await consented();
    const moved = grantProcess(world, { ...process.connection, baseUrl: 'http://127.0.0.1:1' });
    expect((await moved.counts()).grants).toMatchObject({ active: 0, consent_required: 1 });
    expect(await moved.describe()).toMatchObject({ grant_status: 'consent_required' });
    expect(await refusal(moved.token())).toMatchObject({ error: 'consent_required' });
    expect(await moved.start()).toHaveProperty('consent');
    expect((await process.counts()).grants).toMatchObject({ active: 1, consent_required: 0 });
  });

  test('a grant that does not open is told of, and keeps no other waiting', async () => {
    const process = await consented({}, ['sound', 'spoilt']);
    const items = rawItems(world);
    const rawItem = async (subject: string) => (await items.grant(process.connection.name, subject))!;
    const spoilt = await process.grant('spoilt');
    // Sealed for another grant, as if somebody had copied it.
    const foreign = aGrant(world.clock.now(), {
      connection: process.connection.name,
      subject: 'foreign',
      refreshToken: new Redacted(randomUUID()),
    });
    await process.stores.grants.write(undefined, foreign);
    const raw = await rawItem('foreign');
    const own = await rawItem('spoilt');
    await items.putGrant({ ...own, refresh_token: raw.refresh_token! });
    world.clock.advance(3_600_000);
    expect(await process.sweep()).toMatchObject({ renewed: 1 });
    expect(process.events).toContainEqual(expect.objectContaining({ type: 'unreadable_value' }));
    expect(await rawItem('spoilt')).toMatchObject({ refresh_token: raw.refresh_token });
    await process.stores.grants.remove((await process.stores.grants.outline(spoilt))!);
  });
});

test('a sweep costs one read and two writes for each grant', async () => {
  const process = await consented({}, [someone(), someone(), someone()]);
  world.clock.advance(3_600_000);
  const before = new Map(world.dynamodb.seen);
  expect(await process.sweep()).toMatchObject({ due: 3, renewed: 3 });
  const count = (name: string) => (world.dynamodb.seen.get(name) ?? 0) - (before.get(name) ?? 0);
  expect([count('PutItem'), count('Query')]).toEqual([6, 1]);
});

test('an ended grant is looked at again, ever less often, and a rescue that turns up late is adopted', async () => {
  const process = await consented();
  const grant = await process.grant();
  const ended: Grant = { ...grant, status: 'consent_required', attempts: ['late'], dueAt: 0 };
  await process.stores.grants.write(grant, ended);
  world.vendors.bugfender.revokeAll();
  let pause = 0;
  for (let looks = 0; looks < 3; looks += 1) {
    expect(await process.sweep()).toMatchObject({ due: 1, skipped: 1 });
    const after = await process.grant();
    expect(after).toMatchObject({ status: 'consent_required', attempts: ['late'] });
    expect(after.dueAt - world.clock.now()).toBeGreaterThan(pause);
    pause = after.dueAt - world.clock.now();
    await until(after.dueAt);
  }
  const { generation, refreshToken } = grant;
  const rescue = { attempt: 'late', generation, refreshToken: refreshToken!, scopeKey: '' };
  await process.stores.rescues.save(grant, rescue);
  await process.sweep();
  expect(await process.grant()).toMatchObject({ status: 'active', attempts: [] });
});

test('the place of a forgotten grant is held for an hour, and then removed', async () => {
  const process = await consented();
  const grant = await process.grant();
  await process.revoke();
  const held = await process.stores.grants.read(grant);
  expect([held?.status, held?.tokens]).toEqual(['forgotten', {}]);
  expect(held!.dueAt - world.clock.now()).toBeGreaterThan(3_500_000);
  // A first write that was begun before, and arrives only now.
  expect(await process.stores.grants.write(undefined, grant)).toBeUndefined();
  await until(held!.dueAt);
  expect(await process.sweep()).toMatchObject({ due: 1, skipped: 1, age: 0 });
  expect(await process.stores.grants.read(grant)).toBeUndefined();
});
