import { describe, expect, test } from 'vitest';
import { tokenRequest } from '../../../shared/broker/request.ts';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import { resolver } from '../../../shared/broker/tokens/resolve.ts';
import type { Connection } from '../../../shared/connections/connection.ts';
import { MemoryCache } from '../../../shared/contract/memory-cache.ts';
import type { TokenAnswer } from '../../../shared/contract/messages.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import type { Clock } from '../../../shared/oauth/clock.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import { bugsplat } from '../../../shared/vendors/bugsplat.ts';
import { type BrokerProcess, brokerWorld, CALLER, counted, mints, refusal } from '../../support/broker.ts';
import { json, startHttpPeer } from '../../support/http-peer.ts';

const world = brokerWorld();

const symbols = (members: object = {}) =>
  world.connect({ vendor: 'bugsplat', scope: 'symbols', ...members }, 'bugsplat-symbols');

const printOf = ({ access_token }: TokenAnswer) => fingerprint(new Redacted(access_token));

/** A process that has a token of an hour in memory, with the time until which it lives. */
async function warm(connection: Connection): Promise<{ process: BrokerProcess; token: TokenAnswer }> {
  const process = world.process(connection);
  return { process, token: await process.token() };
}

/** Puts the clock to so many seconds before the token expires. */
function untilLeft(token: TokenAnswer, seconds: number): void {
  world.clock.advance(Date.parse(token.expires_at) - seconds * 1000 - world.clock.now());
}

const minute = 60_000;

describe('memory and table', () => {
  test('a cold key is minted, then served from memory, and by another process from the table', async () => {
    const connection = await symbols();
    const { process, token } = await warm(connection);
    expect(token).toMatchObject({ token_type: 'Bearer', source: 'vendor' });
    expect(await process.token()).toMatchObject({ access_token: token.access_token, source: 'memory' });
    const other = await world.process(connection).token();
    expect(other).toMatchObject({ access_token: token.access_token, source: 'table' });
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('a mint costs a read, a lease write, a result write and a count; a table hit one read; a memory hit nothing', async () => {
    const connection = await symbols();
    const process = world.process(connection);
    // The second read is for a remembered refusal of the connection's client.
    expect(await counted(world.dynamodb, () => process.token())).toEqual({
      GetItem: 2,
      PutItem: 2,
      UpdateItem: 1,
    });
    expect(await counted(world.dynamodb, () => process.token())).toEqual({});
    expect(await counted(world.dynamodb, () => world.process(connection).token())).toEqual({ GetItem: 1 });
  });

  test('memory answers for a minute, then the table is asked again', async () => {
    const { process } = await warm(await symbols());
    world.clock.advance(minute - 1_000);
    expect(await process.token()).toMatchObject({ source: 'memory' });
    world.clock.advance(1_000);
    expect(await process.token()).toMatchObject({ source: 'table' });
    expect(await process.token()).toMatchObject({ source: 'memory' });
  });

  test('what a process reads before it is frozen is as old as the question when it thaws', async () => {
    const connection = await symbols();
    await warm(connection);
    const process = world.process(connection, {
      stores: (stores) => ({
        ...stores,
        tokens: {
          ...stores.tokens,
          async read(key, options) {
            const found = await stores.tokens.read(key, options);
            world.clock.advance(45_000);
            return found;
          },
        },
      }),
    });
    expect(await process.token({}, { remaining: minute })).toMatchObject({ source: 'table' });
    world.clock.advance(14_000);
    expect(await process.token({}, { remaining: minute })).toMatchObject({ source: 'memory' });
    world.clock.advance(1_000);
    expect(await process.token({}, { remaining: minute })).toMatchObject({ source: 'table' });
  });

  test('expires_in counts from now, expires_at from minting', async () => {
    const { process, token } = await warm(await symbols());
    expect(token.expires_in).toBeGreaterThan(3_590);
    expect(Date.parse(token.expires_at) - Date.parse(token.minted_at)).toBe(3_600_000);
    world.clock.advance(1_000_000);
    const later = await process.token();
    expect(later).toMatchObject({ expires_at: token.expires_at, minted_at: token.minted_at });
    expect(token.expires_in - later.expires_in).toBeGreaterThanOrEqual(1_000);
  });

  test('a thousand callers at once share one look at the table and one mint', async () => {
    const process = world.process(await symbols());
    const answers = Promise.all(Array.from({ length: 1_000 }, () => process.token()));
    expect(await counted(world.dynamodb, () => answers)).toEqual({ GetItem: 2, PutItem: 2, UpdateItem: 1 });
    expect(new Set((await answers).map((answer) => answer.access_token)).size).toBe(1);
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('every answer is audited: who asked for what, where it came from, and the fingerprint', async () => {
    const connection = await symbols();
    const { process, token } = await warm(connection);
    expect(process.events.find(({ type }) => type === 'audit')).toEqual({
      type: 'audit',
      action: 'token',
      principal: CALLER,
      connection: connection.name,
      subject: 'default',
      scope: 'symbols',
      outcome: 'success',
      source: 'vendor',
      fingerprint: printOf(token),
      duration: expect.any(Number),
    });
    expect(JSON.stringify(process.events)).not.toContain(token.access_token);
  });
});

describe('the end of a token', () => {
  test('with ten seconds left it is given out, with less it is not', async () => {
    const { process, token } = await warm(await symbols());
    world.vendors.bugsplat.setFault({ fault: 'server_error', times: 0 });
    untilLeft(token, 12);
    const short = await process.token();
    expect(short.access_token).toBe(token.access_token);
    expect(short.warning).toMatch(/vendor_unavailable.*still valid/);
    untilLeft(token, 9.9);
    expect(await refusal(process.token())).toMatchObject({ error: 'vendor_unavailable' });
  });

  test('a vendor whose tokens live less than that still gets its fresh ones served', async () => {
    world.vendors.bugsplat.set({ expires_in: 5 });
    const { process, token } = await warm(await symbols());
    expect(token.expires_in).toBeLessThanOrEqual(5);
    expect(token).not.toHaveProperty('warning');
    expect((await process.token()).access_token).not.toBe(token.access_token);
  });

  test('five minutes before it is renewed, and while the vendor is down it is still served', async () => {
    const connection = await symbols();
    const { process, token } = await warm(connection);
    untilLeft(token, 310);
    expect((await process.token()).access_token).toBe(token.access_token);
    untilLeft(token, 290);
    world.vendors.bugsplat.setFault({ fault: 'server_error', times: 0 });
    const [here, elsewhere] = [await process.token(), await world.process(connection).token()];
    for (const answer of [here, elsewhere]) {
      expect(answer).toMatchObject({ access_token: token.access_token, warning: expect.any(String) });
    }
    world.vendors.bugsplat.setFault();
    const renewed = await process.token();
    expect(renewed).toMatchObject({ source: 'vendor' });
    expect(renewed.access_token).not.toBe(token.access_token);
  });

  test('while one renews, the others are served at once, in this process and in others', async () => {
    const connection = await symbols();
    const { process, token } = await warm(connection);
    const other = world.process(connection);
    await other.token();
    untilLeft(token, 200);
    world.vendors.bugsplat.set({ latency_ms: 400 });
    const renewal = process.token();
    await expect.poll(() => world.vendors.bugsplat.counters.snapshot().in_flight).toBe(1);
    const served = await Promise.all([process.token(), process.token(), other.token(), other.token()]);
    expect(world.vendors.bugsplat.counters.snapshot().in_flight).toBe(1);
    for (const answer of served) expect(answer.access_token).toBe(token.access_token);
    for (const answer of served) expect(answer).not.toHaveProperty('warning');
    expect(served[0].source).toBe('memory');
    expect((await renewal).access_token).not.toBe(token.access_token);
    expect(mints(world, 'bugsplat')).toBe(2);
  });

  test('those who come together with the one who renews are served as soon as the table has answered', async () => {
    const connection = await symbols();
    const { token } = await warm(connection);
    untilLeft(token, 200);
    world.vendors.bugsplat.set({ latency_ms: 200 });
    const process = world.process(connection);
    const [renewed, ...others] = await Promise.all([process.token(), process.token(), process.token()]);
    expect(renewed.access_token).not.toBe(token.access_token);
    for (const other of others) expect(other.access_token).toBe(token.access_token);
  });

  test('whoever joins a flight judges what it brings by his own need', async () => {
    const { process, token } = await warm(await symbols());
    world.clock.advance(5 * minute);
    const [satisfied, demanding] = await Promise.all([process.token(), process.token({ min_ttl: 3_500 })]);
    expect(satisfied).toMatchObject({ access_token: token.access_token, source: 'table' });
    expect(demanding.source).toBe('vendor');
    expect(demanding.expires_in).toBeGreaterThanOrEqual(3_500);
  });
});

describe('min_ttl', () => {
  test('is met by the token in hand where it lives long enough, and by a new one where it does not', async () => {
    const { process, token } = await warm(await symbols());
    world.clock.advance(10 * minute);
    expect((await process.token({ min_ttl: 2_900 })).access_token).toBe(token.access_token);
    const minted = await process.token({ min_ttl: 3_100 });
    expect(minted).toMatchObject({ source: 'vendor' });
    expect((await process.token()).access_token).toBe(minted.access_token);
    expect(mints(world, 'bugsplat')).toBe(2);
  });

  test('forces one mint per min_mint_interval, and gets the current token with a warning within it', async () => {
    const connection = await symbols({ min_mint_interval: 60 });
    const { process, token } = await warm(connection);
    world.clock.advance(10_000);
    const forced = await process.token({ min_ttl: 86_400 });
    expect(forced.access_token).not.toBe(token.access_token);
    world.clock.advance(58_000);
    for (const each of [process, world.process(connection)]) {
      const held = await each.token({ min_ttl: 86_400 });
      expect(held.access_token).toBe(forced.access_token);
      expect(held.warning).toMatch(/less than min_mint_interval ago.*Ask again in \d+ s/);
    }
    world.clock.advance(3_000);
    expect((await process.token({ min_ttl: 86_400 })).source).toBe('vendor');
    expect(mints(world, 'bugsplat')).toBe(3);
  });

  test('above the vendor’s lifetime from a thousand callers causes one mint', async () => {
    const connection = await symbols();
    const { process } = await warm(connection);
    const other = world.process(connection);
    world.clock.advance(minute);
    const wave = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, index) => (index % 2 ? process : other).token({ min_ttl: 86_400 })),
      );
    const answers = [...(await wave(500)), ...(await wave(500))];
    expect(mints(world, 'bugsplat')).toBe(2);
    expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(1);
    expect(answers.at(-1)).toHaveProperty('warning');
  });

  test('above the lifetime on a cold key is one mint too, not two', async () => {
    const process = world.process(await symbols());
    expect(await process.token({ min_ttl: 86_400 })).not.toHaveProperty('warning');
    world.clock.advance(1_000);
    expect(await process.token({ min_ttl: 86_400 })).toHaveProperty('warning');
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('gets the current token with a warning while the vendor is down', async () => {
    const { process, token } = await warm(await symbols());
    world.clock.advance(minute);
    world.vendors.bugsplat.setFault({ fault: 'dropped', times: 0 });
    const answer = await process.token({ min_ttl: 3_600 });
    expect(answer.access_token).toBe(token.access_token);
    expect(answer.warning).toMatch(/vendor_unavailable/);
  });
});

describe('rejected', () => {
  test('a thousand callers who report one token cause one mint, and none of them gets it back', async () => {
    const connection = await symbols();
    const { process, token } = await warm(connection);
    const other = world.process(connection);
    await other.token();
    const rejected = printOf(token);
    const wave = () =>
      Promise.all(
        Array.from({ length: 500 }, (_, index) => (index % 2 ? process : other).token({ rejected })),
      );
    const answers = [...(await wave()), ...(await wave())];
    expect(mints(world, 'bugsplat')).toBe(2);
    const given = new Set(answers.map((answer) => answer.access_token));
    expect([...given]).toHaveLength(1);
    expect(given).not.toContain(token.access_token);
  });

  test('an older token gets the current one, and nothing is minted', async () => {
    const { process, token } = await warm(await symbols());
    const rejected = fingerprint(new Redacted('an older one'));
    expect(await process.token({ rejected })).toMatchObject({ access_token: token.access_token });
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('the current token within min_mint_interval gets vendor_rejected, others keep getting the token', async () => {
    const { process, token } = await warm(await symbols());
    world.clock.advance(10_000);
    const second = await process.token({ rejected: printOf(token) });
    world.clock.advance(5_000);
    const refused = await refusal(process.token({ rejected: printOf(second) }));
    expect(refused).toMatchObject({ error: 'vendor_rejected', retry_after: expect.any(Number) });
    expect(refused.retry_after).toBeLessThanOrEqual(25);
    expect(refused.retry_after).toBeGreaterThan(20);
    expect((await process.token()).access_token).toBe(second.access_token);
    expect(mints(world, 'bugsplat')).toBe(2);
    world.clock.advance(26_000);
    expect((await process.token({ rejected: printOf(second) })).source).toBe('vendor');
  });

  test.each([0, 30])(
    'a vendor that gives the refused token again is not asked in a loop (min_mint_interval %i)',
    async (min_mint_interval) => {
      const peer = await startHttpPeer();
      peer.replyWith(json(200, { access_token: 'the-same', token_type: 'Bearer', expires_in: 3_600 }));
      const members = { vendor: 'custom', token_endpoint: `${peer.origin}/token`, min_mint_interval };
      const connection = await world.connect(members, { client_id: 'c', client_secret: 's' });
      const { process, token } = await warm(connection);
      world.clock.advance(minute);
      const refused = await refusal(process.token({ rejected: printOf(token) }));
      expect(refused).toMatchObject({ error: 'vendor_rejected', retry_after: expect.any(Number) });
      expect(peer.received).toHaveLength(2);
      await peer.close();
    },
  );

  test('together with min_ttl, the refused token is not given even with a warning', async () => {
    const { process, token } = await warm(await symbols());
    world.vendors.bugsplat.setFault({ fault: 'server_error', times: 0 });
    const refused = await refusal(process.token({ rejected: printOf(token), min_ttl: 86_400 }));
    expect(refused).toMatchObject({ error: 'vendor_unavailable' });
  });
});

describe('too little time', () => {
  test('left to ask the vendor is busy: nothing is sent, and no lease is left behind', async () => {
    const connection = await symbols();
    const process = world.process(connection);
    const wire = await counted(world.dynamodb, async () => {
      const refused = await refusal(process.token({}, { remaining: 19_000 }));
      expect(refused).toMatchObject({ error: 'busy', retry_after: 1 });
    });
    expect(wire).toEqual({ GetItem: 1 });
    expect(mints(world, 'bugsplat')).toBe(0);
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
  });

  test('does not keep a token that satisfies from its caller', async () => {
    const connection = await symbols();
    const { token } = await warm(connection);
    const answer = await world.process(connection).token({}, { remaining: 2_000 });
    expect(answer.access_token).toBe(token.access_token);
  });

  test('of the one who leads a flight says nothing about those who joined it', async () => {
    const process = world.process(await symbols());
    const [hasty, patient] = await Promise.allSettled([
      process.token({}, { remaining: 5_000 }),
      process.token(),
    ]);
    expect(hasty).toMatchObject({ status: 'rejected', reason: { code: 'busy' } });
    expect(patient).toMatchObject({ status: 'fulfilled', value: { source: 'vendor' } });
  });

  test('to wait for another’s mint is busy, and says when its lease ends', async () => {
    const connection = await symbols();
    world.vendors.bugsplat.set({ latency_ms: 2_500 });
    const minting = world.process(connection).token();
    await expect.poll(() => world.vendors.bugsplat.counters.snapshot().in_flight).toBe(1);
    const refused = await refusal(world.process(connection).token({}, { remaining: 1_800 }));
    expect(refused).toMatchObject({ error: 'busy', retry_after: expect.any(Number) });
    expect(refused.retry_after).toBeGreaterThan(20);
    expect(await minting).toMatchObject({ source: 'vendor' });
    expect(mints(world, 'bugsplat')).toBe(1);
  });
});

describe('another worker that does not finish', () => {
  /** A process to which a key of the connection seems leased by another for two more seconds. */
  function beside(connection: Connection, reads: { consistent: boolean }[] = []): BrokerProcess {
    const lease = { id: 'another', until: world.clock.now() + 2_000 };
    return world.process(connection, {
      timing: { ...PRODUCTION, waitLimit: 300 },
      stores: (stores) => ({
        ...stores,
        tokens: {
          ...stores.tokens,
          async read(key, options) {
            reads.push(options);
            return { rev: 'unwritten', ...(await stores.tokens.read(key, options)), lease };
          },
        },
      }),
    });
  }

  test('is waited for up to a limit, though more time would be left', async () => {
    const reads: { consistent: boolean }[] = [];
    const process = beside(await symbols(), reads);
    expect(await refusal(process.token())).toMatchObject({ error: 'busy', retry_after: 2 });
    // What it waits for may have been written just now: each further look is a consistent one.
    expect(reads.map(({ consistent }) => consistent)).toEqual(reads.map((_, index) => index > 0));
    expect(reads.length).toBeGreaterThan(1);
    expect(mints(world, 'bugsplat')).toBe(0);
  });

  test('is looked at by all in a process that wait for it at once', async () => {
    const reads: { consistent: boolean }[] = [];
    const process = beside(await symbols(), reads);
    const refusals = await Promise.all(Array.from({ length: 30 }, () => refusal(process.token())));
    for (const each of refusals) expect(each).toMatchObject({ error: 'busy' });
    expect(reads.length).toBeLessThan(refusals.length);
  });

  test('is looked at again after a quarter of the time waited at most, and twice a second at least', async () => {
    const begunAt = world.clock.now();
    let time = begunAt;
    const looks: number[] = [];
    const clock: Clock = {
      now: () => time,
      async sleep(milliseconds, signal) {
        // What is given up when something else comes first never takes its time here.
        if (signal) return new Promise(() => undefined);
        time += milliseconds;
      },
    };
    const lease = { id: 'another', until: begunAt + 30_000 };
    const read = async () => {
      looks.push(time - begunAt);
      return { lease, renew: async () => undefined };
    };
    const ask = resolver({
      clock,
      timing: PRODUCTION,
      memory: new MemoryCache(),
      observe: () => undefined,
      supplyOf: () => ({ key: 'leased', margin: 0, exclusive: false, read }),
    });
    const span = { begunAt, endsAt: begunAt + 29_000 };
    await expect(ask(tokenRequest(await symbols(), bugsplat, {}, span))).rejects.toMatchObject({
      code: 'busy',
    });
    for (const [index, look] of looks.slice(1).entries()) {
      const waited = looks[index]!;
      expect(look - waited).toBeLessThanOrEqual(Math.min(Math.max(50, waited / 4), 500));
    }
    expect(looks.at(-1)).toBeGreaterThan(23_000);
    expect(looks.length).toBeLessThan(120);
  });

  test('leaves a caller what there is, though it wanted a longer life', async () => {
    const connection = await symbols({ min_mint_interval: 0 });
    const { token } = await warm(connection);
    world.clock.advance(minute);
    expect(await beside(connection).token({ min_ttl: 3_590 })).toMatchObject({
      access_token: token.access_token,
      warning: expect.stringContaining('busy'),
    });
  });
});

describe('a renewal that takes long', () => {
  /** A process whose token is good for four minutes, while the vendor hangs; time passes by itself. */
  async function slowRenewal() {
    const connection = await symbols();
    const { process, token } = await warm(connection);
    untilLeft(token, 240);
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 60_000, times: 0 });
    return { connection, process, token };
  }

  test('is waited for by a request that has a valid token for two seconds, and by the next ones not at all', async () => {
    const { connection, process, token } = await slowRenewal();
    const first = process.token();
    await expect.poll(() => mints(world, 'bugsplat')).toBe(2);
    // Just the two seconds pass: with more to wait, the answer would not come.
    world.clock.advance(2_000);
    expect(await first).toMatchObject({
      access_token: token.access_token,
      warning: expect.stringContaining('still valid'),
    });
    expect(await process.token()).toMatchObject({ access_token: token.access_token, source: 'memory' });
    const other = await world.process(connection).token();
    expect(other).toMatchObject({ access_token: token.access_token, source: 'table' });
    expect(mints(world, 'bugsplat')).toBe(2);
  });

  test('is waited for by a request that needs it', async () => {
    const { process, token } = await slowRenewal();
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 3_000, times: 0 });
    const needed = process.token({ rejected: printOf(token) });
    await expect.poll(() => mints(world, 'bugsplat')).toBe(2);
    world.clock.advance(2_000);
    expect(await needed).toMatchObject({ source: 'vendor' });
  });
});

test('a token that is short of min_ttl is served when the time is over, with a warning', async () => {
  const { process, token } = await warm(await symbols({ min_mint_interval: 0 }));
  world.clock.advance(minute);
  world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 60_000, times: 0 });
  const asked = process.token({ min_ttl: 3_599 }, { remaining: 22_000 });
  await expect.poll(() => mints(world, 'bugsplat')).toBe(2);
  world.clock.advance(21_600);
  expect(await asked).toMatchObject({
    access_token: token.access_token,
    warning: expect.stringContaining('still valid'),
  });
});

test('a request after a freeze does not get the failure of the request before it', async () => {
  const connection = await symbols();
  const leased = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let frozen: Promise<void> | undefined = gate.promise;
  const process = world.process(connection, {
    stores: (stores) => ({
      ...stores,
      tokens: {
        ...stores.tokens,
        write: async (...entry) => {
          const written = await stores.tokens.write(...entry);
          leased.resolve();
          await frozen;
          return written;
        },
      },
    }),
  });
  const before = refusal(process.token({}, { remaining: 20_600 }));
  await leased.promise;
  world.clock.advance(20_200);
  expect(await before).toMatchObject({ error: 'busy' });
  world.clock.advance(3_600_000);
  frozen = undefined;
  const after = process.token();
  gate.resolve();
  expect(await after).toMatchObject({ source: 'vendor' });
});

test('reads that are throttled make no stampede: who cannot read still asks for the lease', async () => {
  const connection = await symbols();
  world.vendors.bugsplat.set({ latency_ms: 500 });
  const first = world.process(connection).token();
  await expect.poll(() => mints(world, 'bugsplat')).toBe(1);
  world.dynamodb.inject('throttle', { operation: 'GetItem', times: 24 });
  const others = await Promise.all(Array.from({ length: 8 }, () => world.process(connection).token()));
  const { access_token } = await first;
  expect(others.map((answer) => answer.access_token)).toEqual(others.map(() => access_token));
  expect(mints(world, 'bugsplat')).toBe(1);
});
