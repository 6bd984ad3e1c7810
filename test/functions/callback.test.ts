import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { callbackHandler, callbackPage } from '../../functions/callback.ts';
import type { CallbackOutcome } from '../../shared/broker/consent/callback.ts';
import { brokerWorld } from '../support/broker.ts';
import { forgedQueries } from '../support/forged-queries.ts';
import { decide, type GrantProcess, grantProcess, redirecting, research } from '../support/grants.ts';

const world = brokerWorld();

const context = { getRemainingTimeInMillis: () => 29_000, awsRequestId: 'request-1' } as Context;

function load({ broker }: Pick<GrantProcess, 'broker'>, rawQueryString: string) {
  const event = { rawQueryString } as APIGatewayProxyEventV2;
  return callbackHandler(broker)(event, context);
}

function expectPage(page: APIGatewayProxyStructuredResultV2): void {
  expect(page.headers).toEqual({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
  });
  expect(page.body).toMatch(/^<!doctype html>/);
  expect(page.body).not.toMatch(/<script|<img|<link|<form|href=|src=|https?:| {4}at /i);
}

const whose = { connection: 'logs-portal', subject: 'user-42' };
const OUTCOMES: [CallbackOutcome, number, string][] = [
  [{ kind: 'connected', ...whose }, 200, 'Connected'],
  [{ kind: 'denied', ...whose }, 200, 'Not connected'],
  [{ kind: 'pending', ...whose }, 200, 'Almost there'],
  [{ kind: 'expired', ...whose }, 410, 'Too late'],
  [{ kind: 'failed', ...whose, detail: 'vendor.example refused.' }, 400, 'Not connected'],
  [{ kind: 'unknown' }, 404, 'Nothing to finish here'],
];

describe('the page', () => {
  test.each(OUTCOMES)('of %j has status %i and says "%s"', (outcome, status, heading) => {
    const page = callbackPage(outcome);
    expectPage(page);
    expect(page.statusCode).toBe(status);
    expect(page.body).toContain(`<h1>${heading}</h1>`);
    for (const text of Object.values(whose)) {
      if (outcome.kind === 'unknown') expect(page.body).not.toContain(text);
      else expect(page.body).toContain(text);
    }
    if ('detail' in outcome) expect(page.body).toContain(outcome.detail);
  });

  test('shows whatever a subject or a detail is made of as text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const evil = `<script>"'&${text}`;
        const { body } = callbackPage({ kind: 'failed', connection: evil, subject: evil, detail: evil });
        expect(body?.match(/<script/i)).toBeNull();
        expect(body?.match(/<[a-z/!]/gi)?.length).toBe(
          callbackPage({ kind: 'failed', connection: '', subject: '', detail: '' }).body?.match(/<[a-z/!]/gi)
            ?.length,
        );
      }),
    );
  });
});

describe('a callback', () => {
  async function begun() {
    const process = grantProcess(world, await research(world));
    const { authorization_url } = redirecting(await process.start());
    return { process, url: await decide(authorization_url) };
  }

  test('finishes a consent, and shows the outcome however often it is loaded', async () => {
    const { process, url } = await begun();
    for (let load_ = 0; load_ < 3; load_ += 1) {
      const page = await load(process, url.search.slice(1));
      expect(page.statusCode).toBe(200);
      expect(page.body).toContain(process.connection.name);
    }
    expect(world.vendors.bipsync.counters.snapshot().code_exchanges).toBe(1);
  });

  test('that is forged in whatever way gets a page, and nothing is exchanged', async () => {
    const { process, url } = await begun();
    await fc.assert(
      fc.asyncProperty(forgedQueries(url), async (query) => {
        const page = await load(process, query);
        expectPage(page);
        expect([400, 404]).toContain(page.statusCode);
      }),
      { numRuns: 200 },
    );
    expect(world.vendors.bipsync.counters.received('token')).toBe(0);
    expect((await load(process, url.search.slice(1))).statusCode).toBe(200);
  });

  test('whose query is larger than any vendor sends is not looked at', async () => {
    const { process, url } = await begun();
    const page = await load(process, `${url.search.slice(1)}&x=${'x'.repeat(9_000)}`);
    expectPage(page);
    expect(page.statusCode).toBe(404);
  });

  test('while the store is down says to come again, and coming again works', async () => {
    const { process, url } = await begun();
    world.dynamodb.inject('reset');
    const page = await load(process, url.search.slice(1));
    expectPage(page);
    expect(page.statusCode).toBe(503);
    expect(page.body).toContain('Load this page again');
    world.dynamodb.heal();
    expect((await load(process, url.search.slice(1))).statusCode).toBe(200);
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'audit', action: 'consent', outcome: 'store_unavailable' }),
    );
  });

  test('that meets a defect shows the request id, and nothing of the defect', async () => {
    const broker = { callback: () => Promise.reject(new TypeError('x is not a function')) };
    const page = await load({ broker } as never, 'state=x');
    expectPage(page);
    expect(page.statusCode).toBe(500);
    expect(page.body).toContain('request-1');
    expect(page.body).not.toContain('function');
  });
});
