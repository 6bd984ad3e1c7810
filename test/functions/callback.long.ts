import fc from 'fast-check';
import { expect, test } from 'vitest';
import { brokerWorld } from '../support/broker.ts';
import { Browser } from '../support/consent-browser.ts';
import { forgedQueries } from '../support/forged-queries.ts';
import { decide, grantProcess, research, secretOf } from '../support/grants.ts';

const world = brokerWorld();

test('ten thousand forged callbacks: a page each, never a stack, never an exchange', async () => {
  const process = grantProcess(world, await research(world));
  const browser = Browser.of(process);
  const url = await decide((await browser.goOn(secretOf(await process.begin()))).url);
  await fc.assert(
    fc.asyncProperty(forgedQueries(url), async (query) => {
      const { statusCode, body } = await browser.comeBack(url, query);
      expect([400, 403, 404]).toContain(statusCode);
      expect(body).toMatch(/^<!doctype html>/);
      expect(body).not.toMatch(/ {4}at /i);
    }),
    { numRuns: 10_000 },
  );
  expect(world.vendors.bipsync.counters.received('token')).toBe(0);
  expect((await browser.comeBack(url)).body).toContain('<h1>Connected</h1>');
});
