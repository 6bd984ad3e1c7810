import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NAMES } from '../../shared/contract/names.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { signedFetch } from '../support/signed-fetch.ts';
import { openStores } from '../support/stores.ts';
import { browserPath, launch, PHONE, readingProblems } from './browser.ts';

if (browserPath === undefined)
  process.stdout.write('  There is no Chromium here: consents are not clicked through.\n');

describe.skipIf(browserPath === undefined)('in a browser', () => {
  let broker: LocalBrokerProcess;
  let browser: Browser;
  beforeAll(async () => {
    [broker, browser] = await Promise.all([startLocalBrokerProcess(), launch()]);
  });
  afterAll(async () => {
    await browser.close();
    await broker.dispose();
  });

  async function api(method: string, path: string, body: object = {}): Promise<Record<string, string>> {
    const headers = { 'content-type': 'application/json' };
    const sent = method === 'POST' ? { headers, body: JSON.stringify(body) } : {};
    const response = await signedFetch(`${broker.url}/connections/${path}`, { method, ...sent });
    return response.json() as Promise<Record<string, string>>;
  }

  /** A phone whose every complaint and every foreign request is noted. */
  async function phone() {
    const context = await browser.newContext(PHONE);
    const page = await context.newPage();
    const noted: string[] = [];
    page.on('console', (message) => noted.push(message.text()));
    page.on('pageerror', (error) => noted.push(error.message));
    page.on('request', (request) => {
      if (new URL(request.url()).hostname !== '127.0.0.1') noted.push(request.url());
    });
    return { page, noted };
  }

  const headingOf = (page: Page) => page.getByRole('heading').textContent();
  const decide = async (page: Page, decision: 'Approve' | 'Deny') => {
    await page.getByRole('button', { name: decision }).click();
    await page.waitForURL(/\/callback\/[\w-]+\?/);
  };

  test.each([
    ['logs-portal', 'Bugfender'],
    ['research-user', 'Bipsync'],
  ])('a person connects %s on the page of %s, and loads the page again', async (connection, vendor) => {
    const { page, noted } = await phone();
    const subject = 'ada <ada@example.org>';
    const { consent, consent_url } = await api('POST', `${connection}/consent`, { subject });
    await page.goto(consent_url!);
    expect(await readingProblems(page)).toEqual([]);
    await page.getByRole('button', { name: /^Continue to/ }).click();
    expect(await page.title()).toContain(vendor);
    expect(await readingProblems(page)).toEqual([]);
    await decide(page, 'Approve');
    expect(await headingOf(page)).toBe('Connected');
    expect(await page.getByRole('definition').allTextContents()).toEqual([vendor, connection, subject]);
    expect(await readingProblems(page)).toEqual([]);
    expect(await api('POST', `${connection}/token`, { subject })).toMatchObject({ source: 'table' });

    await page.reload();
    expect(await headingOf(page)).toBe('Connected');
    await page.goBack();
    await page.goForward();
    expect(await headingOf(page)).toBe('Connected');
    expect(await api('POST', `${connection}/consent/${consent}`)).toEqual({ status: 'granted' });
    expect(noted).toEqual([]);
  });

  test('a person declines, and is told that nothing was stored', async () => {
    const { page, noted } = await phone();
    const subject = 'declines';
    const { consent_url } = await api('POST', 'logs-portal/consent', { subject });
    await page.goto(consent_url!);
    expect(await readingProblems(page)).toEqual([]);
    await page.getByRole('button', { name: /^Continue to/ }).click();
    await decide(page, 'Deny');
    expect(await headingOf(page)).toBe('Not connected');
    expect(await page.getByRole('main').textContent()).toContain('Nothing was stored');
    expect(await readingProblems(page)).toEqual([]);
    expect(await api('POST', 'logs-portal/token', { subject })).toMatchObject({ error: 'consent_required' });
    // Going back and agreeing after all is too late, and says so.
    await page.goBack();
    await decide(page, 'Approve');
    expect(await headingOf(page)).toBe('Not connected');
    expect(noted).toEqual([]);
  });

  test('a person who comes too late is told so', async () => {
    const { page } = await phone();
    const { consent, consent_url } = await api('POST', 'logs-portal/consent', { subject: 'late' });
    await page.goto(consent_url!);
    expect(await readingProblems(page)).toEqual([]);
    await page.getByRole('button', { name: /^Continue to/ }).click();
    await expire(consent!);
    await decide(page, 'Approve');
    expect(await headingOf(page)).toBe('Too late');
    expect(await readingProblems(page)).toEqual([]);
    expect(await api('POST', 'logs-portal/token', { subject: 'late' })).toMatchObject({
      error: 'consent_required',
    });
  });

  test('a link that was made up tells nothing', async () => {
    const { page } = await phone();
    const response = await page.goto(
      `${broker.url}/callback?state=${'x'.repeat(43)}.${'y'.repeat(43)}&code=y`,
    );
    expect(response?.status()).toBe(404);
    expect(await headingOf(page)).toBe('Nothing to finish here');
    expect(await page.getByRole('definition').count()).toBe(0);
    expect(await readingProblems(page)).toEqual([]);
  });

  test('a person connects a device', async () => {
    const { page, noted } = await phone();
    const begun = await api('POST', 'research-kiosk/consent', { subject: 'kiosk' });
    await page.goto(begun.verification_uri_complete!);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    expect(await readingProblems(page)).toEqual([]);
    const poll = () => api('POST', `research-kiosk/consent/${begun.consent}`);
    await expect.poll(poll, { timeout: 20_000, interval: 1_000 }).toEqual({ status: 'granted' });
    expect(noted).toEqual([]);
  });

  test('the callback page cannot be framed', async () => {
    const { page, noted } = await phone();
    await page.setContent(`<iframe src="${broker.url}/callback?state=x"></iframe>`);
    await expect.poll(() => noted.join()).toMatch(/frame-ancestors/);
  });

  /** As if its ten minutes were over. */
  async function expire(consent: string): Promise<void> {
    const names = {
      tokens: NAMES.tokensTable,
      grants: NAMES.grantsTable,
      keyring: NAMES.keyringSecret,
      rescuePrefix: NAMES.rescuePrefix,
    };
    const { consents } = openStores({ dynamodb: broker.awsUrl, secretsManager: broker.awsUrl }, names);
    const seen = (await consents.read(consent))!;
    await consents.write(consent, seen, { ...seen, expiresAt: Date.now() - 1 });
  }
});
