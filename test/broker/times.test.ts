/** The times that the invariants rest on, as they are deployed. Whoever changes one changes this file, and sees why. */

import { expect, test } from 'vitest';
import { grantsClient, secretsManagerClient, tokensClient } from '../../shared/aws/clients.ts';
import { PRODUCTION as times } from '../../shared/broker/times.ts';
import { type VendorAccessParts, vendorAccess } from '../../shared/broker/vendor/access.ts';
import { FUNCTIONS } from '../../shared/contract/names.ts';
import type { Clock } from '../../shared/oauth/clock.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** An HTTP API gives up on a function after this, in milliseconds. */
const HTTP_API_LIMIT = 30_000;
const HTTPS = FUNCTIONS.https.timeout;

test('production runs with exactly these', () => {
  expect(times).toEqual({
    attemptTimeout: 8_000,
    attempts: 2,
    deadline: 20_000,
    storeReserve: 4_000,
    clockSkew: 10_000,
    waitLimit: 24_000,
    renewalWait: 2_000,
    pollFirst: 50,
    pollLast: 500,
    pollShare: 1 / 4,
    memoryRecheck: 60_000,
    minimumLife: 10_000,
    renewAhead: 300_000,
    renewAheadWhenKilling: 30_000,
    refusalFirst: 2_000,
    refusalLast: 60_000,
    secretRecheck: 10_000,
    settle: 500,
    consentLife: 600_000,
  });
});

/** Acquiring asks nothing but the clock. */
const onlyFor = (clock: Clock) => ({ clock, timing: times }) as unknown as VendorAccessParts;

test('an acquisition has time for every attempt and for the store writes after them', () => {
  expect(times.deadline).toBeGreaterThanOrEqual(times.attempts * times.attemptTimeout + times.storeReserve);
});

test('a lease outlives its holder’s deadline by as much as two wall clocks may differ', () => {
  const clock = fakeClock();
  const { acquire } = vendorAccess(onlyFor(clock));
  const begun = clock.now();
  const { lease, budget, deadline } = acquire({ endsAt: begun + HTTPS });
  expect(deadline).toBe(begun + 20_000);
  expect(lease.until).toBe(deadline + 10_000);
  expect(budget.deadline).toBe(deadline - times.storeReserve);
  expect(acquire({ endsAt: begun + HTTPS }).lease.id).not.toBe(lease.id);
});

test('an acquisition does not begin when the invocation ends before its deadline', () => {
  const clock = fakeClock();
  const { acquire } = vendorAccess(onlyFor(clock));
  expect(acquire({ endsAt: clock.now() + 20_000 })).toHaveProperty('lease');
  expect(() => acquire({ endsAt: clock.now() + 19_999 })).toThrow(/Too little time/);
});

test('a function behind the HTTP API ends before the API gives up, and has time for a whole acquisition', () => {
  expect(HTTPS).toBeLessThan(HTTP_API_LIMIT);
  const { timeout } = tokensClient();
  // A table that is silent when it is read, and again when the lease is taken, must not make it too late to begin.
  expect(HTTPS).toBeGreaterThanOrEqual(times.deadline + 2 * timeout);
});

test('whoever waits for another’s mint sees it end, and still answers in time', () => {
  expect(times.waitLimit).toBeGreaterThan(times.deadline);
  expect(times.waitLimit).toBeLessThan(HTTPS);
});

test('no operation on a store outlasts the deadline that it is part of', () => {
  for (const { timeout } of [tokensClient(), grantsClient(), secretsManagerClient()]) {
    expect(timeout).toBeLessThan(times.deadline - times.attemptTimeout);
  }
});

test('a grant whose refresh ends the old token is renewed at most 30 s before expiry', () => {
  expect(times.renewAheadWhenKilling).toBeLessThanOrEqual(30_000);
  expect(times.renewAheadWhenKilling).toBeGreaterThan(times.minimumLife);
});
