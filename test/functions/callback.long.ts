import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callbackHandler } from '../../functions/callback.ts';
import { brokerWorld } from '../support/broker.ts';
import { forgedQueries } from '../support/forged-queries.ts';
import { decide, grantProcess, redirecting, research } from '../support/grants.ts';

const world = brokerWorld();

test('ten thousand forged callbacks: a page each, never a stack, never an exchange', async () => {
  const process = grantProcess(world, await research(world));
  const { authorization_url } = redirecting(await process.start());
  const url = await decide(authorization_url);
  const handler = callbackHandler(process.broker);
  const context = { getRemainingTimeInMillis: () => 29_000, awsRequestId: 'request-1' } as Context;
  await fc.assert(
    fc.asyncProperty(forgedQueries(url), async (rawQueryString) => {
      const { statusCode, body } = await handler({ rawQueryString } as APIGatewayProxyEventV2, context);
      expect([400, 404]).toContain(statusCode);
      expect(body).toMatch(/^<!doctype html>/);
      expect(body).not.toMatch(/<script| {4}at /i);
    }),
    { numRuns: 10_000 },
  );
  expect(world.vendors.bipsync.counters.received('token')).toBe(0);
  expect(await process.callback(url)).toMatchObject({ kind: 'connected' });
});
