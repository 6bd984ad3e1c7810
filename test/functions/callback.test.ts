import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { consentPage } from '../../functions/consent-page.ts';
import type { ConsentView } from '../../shared/broker/consent/page.ts';
import { brokerWorld } from '../support/broker.ts';
import { Browser } from '../support/consent-browser.ts';
import { forgedQueries } from '../support/forged-queries.ts';
import {
  decide,
  type GrantProcess,
  grantProcess,
  kiosk,
  portal,
  research,
  secretOf,
} from '../support/grants.ts';

const world = brokerWorld();

/** Nothing is loaded from anywhere, and nothing of a defect is shown. */
function expectPage(page: APIGatewayProxyStructuredResultV2): void {
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': expect.stringMatching(
      /^default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-[\w+/=]+'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'$/,
    ),
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'strict-transport-security': 'max-age=31536000',
  });
  expect(page.body).toMatch(/^<!doctype html>/);
  expect(page.body).not.toMatch(/<img|src=| {4}at /i);
}

const whose = { vendor: 'Bugfender', connection: 'logs-portal', subject: 'user-42' };
const asking = {
  ...whose,
  startedBy: 'arn:aws:sts::111122223333:assumed-role/app/session',
  scopes: ['all'],
  replace: false,
};
const OUTCOMES: [ConsentView, number, string][] = [
  [{ kind: 'connected', ...whose }, 200, 'Connected'],
  [{ kind: 'denied', ...whose }, 200, 'Not connected'],
  [{ kind: 'pending', ...whose }, 200, 'Almost there'],
  [{ kind: 'expired', ...whose }, 410, 'Too late'],
  [{ kind: 'failed', ...whose, detail: 'vendor.example refused.' }, 400, 'Not connected'],
  [{ kind: 'otherBrowser', ...whose }, 403, 'Another browser began this'],
  [{ kind: 'unknown' }, 404, 'Nothing to finish here'],
];

describe('the page', () => {
  test.each(OUTCOMES)('of %j has status %i and says "%s"', (outcome, status, heading) => {
    const page = consentPage(outcome, true);
    expectPage(page);
    expect(page.statusCode).toBe(status);
    expect(page.body).toContain(`<h1>${heading}</h1>`);
    for (const text of Object.values(whose)) {
      if (outcome.kind === 'unknown') expect(page.body).not.toContain(text);
      else expect(page.body).toContain(text);
    }
    if ('detail' in outcome) expect(page.body).toContain(outcome.detail);
  });

  test('that asks says who asks, for whom and for what', () => {
    const page = consentPage({ kind: 'ask', typed: false, ...asking }, true);
    expectPage(page);
    for (const text of [
      'Bugfender',
      'logs-portal',
      'user-42',
      'app (session)',
      '111122223333',
      '<dd>all</dd>',
    ])
      expect(page.body).toContain(text);
  });

  test('for a device shows code, address and QR code, and looks again by itself', () => {
    const device = {
      kind: 'device',
      userCode: 'ABCD-EFGH',
      verificationUri: 'https://vendor.example/device',
      interval: 5,
      ...asking,
    } as const;
    const page = consentPage(device, true);
    expectPage(page);
    expect(page.headers?.refresh).toBe('5');
    expect(page.body).toContain('<output id="user-code">ABCD-EFGH</output>');
    expect(page.body).toContain('href="https://vendor.example/device"');
    expect(page.body).toMatch(/<svg [^>]*>.*<\/svg>/);
  });

  test('shows whatever a subject or a detail is made of as text', () => {
    const shown = (text: string) =>
      [
        consentPage({ kind: 'failed', vendor: text, connection: text, subject: text, detail: text }, true),
        consentPage(
          {
            ...asking,
            kind: 'ask',
            typed: true,
            wrong: text,
            subject: text,
            startedBy: text,
            scopes: [text],
          },
          true,
        ),
      ].map(({ body }) => body?.match(/<[a-z/!]/gi)?.length);
    const plain = shown('plain');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(shown(`<script>"'&${text}`)).toEqual(plain);
      }),
    );
  });
});

describe('a consent in a browser', () => {
  async function begun() {
    const process = grantProcess(world, await research(world));
    const browser = Browser.of(process);
    const { url } = await browser.goOn(secretOf(await process.begin()));
    return { process, browser, url: await decide(url) };
  }

  test('is led through by its page: who asks, then to the vendor, then back', async () => {
    const process = grantProcess(world, await research(world, { return_hosts: ['portal.example'] }));
    const browser = Browser.of(process);
    const secret = secretOf(await process.begin({ return_to: 'https://portal.example/done?x=1' }));
    const page = await browser.open(secret);
    expectPage(page);
    expect(page.body).toContain('Continue to Bipsync');
    const { url, page: left } = await browser.goOn(secret);
    expect(left.statusCode).toBe(303);
    expect(left.cookies?.[0]).toMatch(
      /^__Host-token-broker=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure$/,
    );
    const end = await browser.comeBack(await decide(url));
    expect(end.statusCode).toBe(200);
    expect(end.body).toContain(
      '<a class="back" href="https://portal.example/done?x=1">Back to portal.example</a>',
    );
    expect((await browser.open(secret)).body).toContain('<h1>Connected</h1>');
  });

  test('goes back only to hosts that the connection lists', async () => {
    const process = grantProcess(world, await research(world, { return_hosts: ['portal.example'] }));
    for (const return_to of ['https://evil.example/', 'http://portal.example/', 'javascript:alert(1)'])
      await expect(process.start({ return_to })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('is finished once, and its outcome shown however often it is loaded', async () => {
    const { process, browser, url } = await begun();
    for (let load = 0; load < 3; load += 1) {
      const page = await browser.comeBack(url);
      expect(page.statusCode).toBe(200);
      expect(page.body).toContain(process.connection.name);
    }
    expect(world.vendors.bipsync.counters.snapshot().code_exchanges).toBe(1);
  });

  test('that is pressed on twice goes to the vendor by either press', async () => {
    const process = grantProcess(world, await research(world));
    const browser = Browser.of(process);
    const secret = secretOf(await process.begin());
    await browser.open(secret);
    const [one, two] = await Promise.all([browser.goOn(secret), browser.goOn(secret)]);
    expect(one.url).toBe(two.url);
  });

  test('takes a code that the vendor shows, and says when it is wrong', async () => {
    const process = grantProcess(world, await portal(world, { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' }));
    const browser = Browser.of(process);
    const secret = secretOf(await process.begin());
    expect((await browser.open(secret)).body).toContain('name="code"');
    const { url } = await browser.goOn(secret);
    const shown = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams({ decision: 'approve', user: 'ada' }),
    });
    const code = /<code>([^<]+)<\/code>/.exec(await shown.text())![1]!;
    const wrong = await browser.type(secret, `${code}x`);
    expect(wrong.statusCode).toBe(400);
    expect(wrong.body).toContain('That code was not taken');
    expect((await browser.type(secret, code)).body).toContain('<h1>Connected</h1>');
  });

  test('for a device is watched on the page, which asks the vendor no more often than it allows', async () => {
    const process = grantProcess(world, await kiosk(world));
    const browser = Browser.of(process);
    const secret = secretOf(await process.begin());
    for (let load = 0; load < 3; load += 1)
      expect((await browser.open(secret)).body).toContain('Waiting for your decision');
    expect(world.vendors.bipsync.counters.snapshot().polls).toBe(0);
    world.clock.advance(5_000);
    await Promise.all([browser.open(secret), browser.open(secret)]);
    expect(world.vendors.bipsync.counters.snapshot().polls).toBe(1);
  });

  test('that is forged in whatever way gets a page, and nothing is exchanged', async () => {
    const { browser, url } = await begun();
    await fc.assert(
      fc.asyncProperty(forgedQueries(url), async (query) => {
        const page = await browser.comeBack(new URL(`?${query}`, url), query);
        expectPage(page);
        expect([400, 403, 404]).toContain(page.statusCode);
      }),
      { numRuns: 200 },
    );
    expect(world.vendors.bipsync.counters.received('token')).toBe(0);
    expect((await browser.comeBack(url)).statusCode).toBe(200);
  });

  test('whose query is larger than any vendor sends is not looked at', async () => {
    const { browser, url } = await begun();
    const page = await browser.comeBack(url, `${url.search.slice(1)}&x=${'x'.repeat(9_000)}`);
    expectPage(page);
    expect(page.statusCode).toBe(404);
  });

  test('while the store is down says to come again, and coming again works', async () => {
    const { process, browser, url } = await begun();
    world.dynamodb.inject('reset');
    const page = await browser.comeBack(url);
    expectPage(page);
    expect(page.statusCode).toBe(503);
    expect(page.body).toContain('Load this page again');
    world.dynamodb.heal();
    expect((await browser.comeBack(url)).statusCode).toBe(200);
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'audit', action: 'consent', outcome: 'store_unavailable' }),
    );
  });

  test('that meets a defect shows the request id, and nothing of the defect', async () => {
    const broker = {
      publicUrl: 'https://broker.example',
      callback: () => Promise.reject(new TypeError('x is not a function')),
    };
    const browser = Browser.of({ broker } as unknown as GrantProcess);
    const page = await browser.comeBack(new URL('https://broker.example/callback/x?state=x'));
    expectPage(page);
    expect(page.statusCode).toBe(500);
    expect(page.body).toContain(Browser.context.awsRequestId);
    expect(page.body).not.toContain('function');
  });
});

test('nothing of a malformed address reaches the store', async () => {
  const process = grantProcess(world, await research(world));
  const browser = Browser.of(process);
  const reads = () => world.dynamodb.seen.get('GetItem') ?? 0;
  const before = reads();
  for (const secret of ['', 'x', '../x', 'ä'.repeat(43)])
    expect((await browser.open(secret)).statusCode).toBe(404);
  expect(reads()).toBe(before);
});
