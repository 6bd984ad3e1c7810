/** Invariant 1 at full size, and what becomes of holders that are killed or stopped. */
import { describe, expect, test } from 'vitest';
import { tokenRequest } from '../../../shared/broker/request.ts';
import { cacheKey } from '../../../shared/broker/tokens/cache-key.ts';
import type { Connection } from '../../../shared/connections/connection.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import { bugsplat } from '../../../shared/vendors/bugsplat.ts';
import { brokerWorld, mints } from '../../support/broker.ts';
import { askTogether, expectOverlap, setupOf, tokensOf, withChildren } from '../../support/one-mint.ts';

const world = brokerWorld();

const PROCESSES = 20;
const REQUESTS = 50;

const symbols = () => world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
const keyOf = (connection: Connection) =>
  cacheKey(tokenRequest(connection, bugsplat, {}, { begunAt: 0, endsAt: 0 }));

/** A lease of 2.5 s: short enough to wait for, long enough for a request. */
const SHORT = { attemptTimeout: 1_500, deadline: 2_000, storeReserve: 300, clockSkew: 500 };

describe('a thousand requests in twenty processes', () => {
  test('for one cold key are one mint, and all get its token', async () => {
    const setup = setupOf(world, await symbols());
    world.vendors.bugsplat.set({ latency_ms: 1_000 });
    const outcomes = await withChildren(Array(PROCESSES).fill(setup), (children) =>
      askTogether(children, REQUESTS),
    );
    expect(outcomes).toHaveLength(PROCESSES * REQUESTS);
    expectOverlap(outcomes);
    expect(tokensOf(outcomes).size).toBe(1);
    expect(outcomes[0]!.token).toEqual(expect.any(String));
    expect(mints(world, 'bugsplat')).toBe(1);
  });

  test('are a mint per process when the lease is taken out', async () => {
    const setup = { ...setupOf(world, await symbols()), withoutLeases: true };
    world.vendors.bugsplat.set({ latency_ms: 1_000 });
    const outcomes = await withChildren(Array(PROCESSES).fill(setup), (children) =>
      askTogether(children, REQUESTS),
    );
    expectOverlap(outcomes);
    expect(mints(world, 'bugsplat')).toBe(PROCESSES);
  });

  test('at the moment when the token that all of them have ends are one mint', async () => {
    const connection = await symbols();
    const setup = setupOf(world, connection);
    world.vendors.bugsplat.set({ latency_ms: 1_000 });
    const outcomes = await withChildren(Array(PROCESSES).fill(setup), async (children) => {
      // Ten seconds before its expiry a token is given out no more. Of such a short life a fifth is less than
      // those ten seconds, so that nobody renews it before.
      const end = Date.now() + 6_000;
      const accessToken = new Redacted('seeded');
      const token = {
        accessToken,
        tokenType: 'Bearer',
        fingerprint: fingerprint(accessToken),
        mintedAt: end - 10_000,
        expiresAt: end + 10_000,
      };
      await world.process(connection).stores.tokens.write(keyOf(connection), undefined, { token });
      const before = await askTogether(children, 1, Date.now());
      expect(tokensOf(before)).toEqual(new Set(['seeded']));
      expect(mints(world, 'bugsplat')).toBe(0);
      return askTogether(children, REQUESTS, end + 1);
    });
    expectOverlap(outcomes);
    expect(tokensOf(outcomes).size).toBe(1);
    expect(tokensOf(outcomes)).not.toContain('seeded');
    expect(tokensOf(outcomes)).not.toContain(undefined);
    expect(mints(world, 'bugsplat')).toBe(1);
  });
});

describe('a holder of the lease', () => {
  const inFlight = () => world.vendors.bugsplat.counters.snapshot().in_flight;

  test('that is killed is followed by another when the lease ends, with one more request to the vendor', async () => {
    const setup = { ...setupOf(world, await symbols()), timing: SHORT };
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 60_000 });
    await withChildren([setup, setup, setup], async ([holder, ...others]) => {
      holder!.ask(1).catch(() => undefined);
      await expect.poll(inFlight).toBe(1);
      const killedAt = Date.now();
      await holder!.kill();
      const outcomes = await askTogether(others, 10, Date.now());
      expect(tokensOf(outcomes).size).toBe(1);
      expect(tokensOf(outcomes)).not.toContain(undefined);
      expect(mints(world, 'bugsplat')).toBe(2);
      // Nobody asked before the lease had ended.
      expect(Math.min(...outcomes.map(({ endedAt }) => endedAt)) - killedAt).toBeGreaterThan(1_000);
    });
  });

  test('that is stopped before it sends, and goes on after the lease was taken over, sends and writes nothing', async () => {
    const connection = await symbols();
    const setup = { ...setupOf(world, connection), timing: SHORT };
    await withChildren([{ ...setup, stopBeforeSending: true }, setup], async ([holder, other]) => {
      const late = holder!.ask(1);
      await holder!.leased();
      holder!.child.kill('SIGSTOP');
      const [taken] = await other!.ask(1);
      expect(taken!.token).toEqual(expect.any(String));
      expect(mints(world, 'bugsplat')).toBe(1);
      holder!.child.kill('SIGCONT');
      holder!.proceed();
      expect((await late)[0]).toHaveProperty('error');
      expect(mints(world, 'bugsplat')).toBe(1);
      const kept = await world.process(connection).token();
      expect(kept.access_token).toBe(taken!.token);
    });
  });

  test('that is stopped while the vendor answers, and goes on after the lease was taken over, writes nothing', async () => {
    const connection = await symbols();
    const setup = { ...setupOf(world, connection), timing: SHORT };
    world.vendors.bugsplat.setFault({ fault: 'slow', delay_ms: 300 });
    await withChildren([setup, setup], async ([holder, other]) => {
      const late = holder!.ask(1);
      await expect.poll(inFlight).toBe(1);
      holder!.child.kill('SIGSTOP');
      const [taken] = await other!.ask(1);
      expect(mints(world, 'bugsplat')).toBe(2);
      holder!.child.kill('SIGCONT');
      await late;
      expect(mints(world, 'bugsplat')).toBe(2);
      const kept = await world.process(connection).token();
      expect(kept).toMatchObject({ access_token: taken!.token, source: 'table' });
    });
  });
});
