/** Consents under attack: another browser, another server, another site, guesses. Each of these once succeeded. */
import { expect, test } from 'vitest';
import { brokerWorld, refusal } from '../support/broker.ts';
import { Browser } from '../support/consent-browser.ts';
import {
  decide,
  type GrantProcess,
  grantProcess,
  portal,
  redirecting,
  research,
  secretOf,
} from '../support/grants.ts';

const world = brokerWorld();
const exchanges = () => world.vendors.bipsync.counters.snapshot().code_exchanges;

/** Begun, and gone on with in a browser up to the vendor's decision. */
async function atTheVendor() {
  const process = grantProcess(world, await research(world));
  const secret = secretOf(await process.begin());
  const browser = Browser.of(process);
  const { url } = await browser.goOn(secret);
  return { process, secret, browser, url };
}

const nothingStored = async (process: GrantProcess) =>
  expect(await process.describe()).toMatchObject({ grant_status: 'none' });

test('the answer to one browser is not taken from another, which is told why, and its own still counts', async () => {
  const { process, browser, url } = await atTheVendor();
  const back = await decide(url);
  for (const other of [Browser.of(process), withCookieOf(Browser.of(process), 'x'.repeat(43))]) {
    const page = await other.comeBack(back);
    expect(page.statusCode).toBe(403);
    expect(page.body).toContain('Another browser began this');
  }
  expect(exchanges()).toBe(0);
  await nothingStored(process);
  expect((await browser.comeBack(back)).body).toContain('<h1>Connected</h1>');
});

test('who only knows the handle of a consent puts no code of their own into it, not even in its browser', async () => {
  const { process, browser, url } = await atTheVendor();
  const back = await decide(url);
  const [handle] = back.searchParams.get('state')!.split('.');
  for (const proof of ['', '.', `.${'x'.repeat(43)}`, `.${handle}`]) {
    const forged = new URL(back);
    forged.searchParams.set('state', `${handle}${proof}`);
    expect([403, 404]).toContain((await browser.comeBack(forged)).statusCode);
  }
  expect(exchanges()).toBe(0);
  await nothingStored(process);
});

test('once a browser has gone on, no other can: who reads the address in a log comes too late', async () => {
  const { process, secret } = await atTheVendor();
  const thief = Browser.of(process);
  expect((await thief.open(secret)).statusCode).toBe(403);
  const { page, url } = await thief.goOn(secret);
  expect([page.statusCode, url]).toEqual([403, 'undefined']);
});

test.each<Record<string, string>>([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site', origin: 'https://broker.example' },
])("another site's form sends nobody on: %j", async (headers) => {
  const process = grantProcess(world, await research(world));
  const victim = Browser.of(process);
  const { page, url } = await victim.goOn(secretOf(await process.begin()), headers);
  expect([page.statusCode, url, page.cookies]).toEqual([404, 'undefined', undefined]);
});

test("two servers have no redirect URI in common: an answer that comes to the other's is of no consent", async () => {
  const { browser, url } = await atTheVendor();
  const back = await decide(url);
  for (const pathname of ['/callback/another', '/callback/callback']) {
    const mixed = new URL(back);
    mixed.pathname = pathname;
    expect((await browser.comeBack(mixed)).statusCode).toBe(404);
  }
  expect(exchanges()).toBe(0);
});

test('a redirect URI that names the plain callback is finished there and nowhere else', async () => {
  const process = grantProcess(world, await portal(world, { redirect_uri: undefined }));
  const browser = Browser.of(process);
  const { url } = await browser.goOn(secretOf(await process.begin()));
  expect(new URL(url).searchParams.get('redirect_uri')).toBe(
    `https://broker.example/callback/${process.connection.name}`,
  );
});

test('five codes may be typed for one consent, and then no more reach the vendor', async () => {
  const process = grantProcess(world, await portal(world, { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' }));
  const { consent } = redirecting(await process.start());
  for (let guess = 0; guess < 40; guess += 1)
    await process.proceed(consent, { code: `guess-${guess}` }).catch(() => undefined);
  expect(world.vendors.bugfender.counters.received('token', 'authorization_code')).toBe(5);
  expect(await process.proceed(consent, { code: 'one-more' })).toMatchObject({ status: 'denied' });
});

test('a page leads back to no host that the connection does not list', async () => {
  const process = grantProcess(world, await research(world, { return_hosts: ['portal.example'] }));
  expect(await refusal(process.begin({ return_to: 'https://portal.example.evil.example/' }))).toMatchObject({
    error: 'invalid_request',
    error_description: expect.stringContaining('"portal.example"'),
  });
});

function withCookieOf(browser: Browser, value: string): Browser {
  browser.cookies.push(`__Host-token-broker=${value}`);
  return browser;
}
