/** The console as people use it: in a browser, by mouse and by keyboard, by day and at night, on a desk and on a phone. */
import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { browserPath, launch } from '../browser/browser.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { CALLER, startDeployedConsole } from './deployed-console.ts';
import { addressIn } from './support.ts';

if (browserPath === undefined)
  process.stdout.write('  There is no Chromium here: the console is not clicked through.\n');

const AXE = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const DESK = { width: 1200, height: 900 };
const PHONE = { width: 375, height: 720 };

/** Where they are, and what stands there once all has come. */
const VIEWS = {
  '/': /^\d+ connections: /,
  '/connection/crash-symbols': /^Everybody whom IAM lets/,
  '/connection/logs-portal': /^Everybody whom IAM lets/,
  '/activity': /\d+ vendor calls/,
  '/vendors': /^Simulated on this machine/,
  '/doctor': /to mend\.$/,
};

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

  /** The console's page, open; every complaint of the browser and every request elsewhere is noted. */
  async function open(
    options: BrowserContextOptions = { viewport: DESK },
    address = addressIn(broker.output()),
  ) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const noted: string[] = [];
    page.on('console', (message) => noted.push(message.text()));
    page.on('pageerror', (error) => noted.push(error.message));
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(address).origin) noted.push(request.url());
    });
    await page.goto(address);
    await page.getByRole('heading', { name: 'Connections' }).waitFor();
    return { page, context, noted };
  }

  const goTo = async (page: Page, view: string) => {
    await page.goto(`${broker.url}/#${view}`);
  };
  const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });

  /** Connects a subject on the page of the consent, in a tab of its own. */
  async function connect(page: Page, connection: string, subject: string) {
    await goTo(page, `/connection/${connection}`);
    await button(page, 'Connect').click();
    await page.getByRole('dialog').getByLabel('Subject').fill(subject);
    await consent(page);
    await button(page, 'Close').click();
  }

  async function consent(page: Page) {
    const tab = page.context().waitForEvent('page');
    await button(page, 'Begin').click();
    const vendor = await tab;
    await button(vendor, /^Continue to/).click();
    await button(vendor, 'Approve').click();
    await page.getByText('✓ Connected.').waitFor();
    await vendor.close();
  }

  test('the address opens it, and the key stays neither in the address nor with others', async () => {
    const { page, context, noted } = await open();
    expect(page.url()).toBe(`${broker.url}/#/`);
    await page.getByRole('link', { name: 'crash-symbols' }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: 'crash-symbols' }).waitFor();
    const other = await context.newPage();
    await other.goto(broker.url);
    await other.getByText('This page opens with the address that').waitFor();
    await other.goto(`${broker.url}/#${'x'.repeat(32)}`);
    await other.getByText('This page opens with the address that').waitFor();
    expect(noted).toEqual([]);
  });

  test('a key of an earlier run locks it', async () => {
    const { page } = await open();
    await page.evaluate(
      "for (const name in { ...sessionStorage }) sessionStorage[name] = 'of an earlier run'",
    );
    await page.getByText('This page opens with the address that').waitFor();
  });

  test('a connection is opened from the list, and a token tried; itself is shown when asked for', async () => {
    const { page, noted } = await open();
    await page.getByRole('link', { name: 'logs-service' }).click();
    await page.getByRole('heading', { name: 'logs-service' }).waitFor();
    await button(page, 'Get a token').click();
    await page.getByText('Fingerprint').waitFor();
    const secret = page.locator('.secret');
    expect(await secret.count()).toBe(0);
    await button(page, 'Show the token itself').click();
    expect((await secret.textContent())?.length).toBeGreaterThan(20);
    await page.getByRole('link', { name: 'Connections' }).first().click();
    const row = page.getByRole('listitem').filter({ hasText: 'logs-service' });
    await row.getByText('ready').waitFor();
    await row.getByText(/\d+ min left/).waitFor();
    await row.getByRole('img', { name: /last hour: 1 served, 1 minted, 0 failed/ }).waitFor();
    expect(noted).toEqual([]);
  });

  test('people connect, are searched for, tried and replaced; a grant is revoked once that is confirmed', async () => {
    const { page, noted } = await open();
    for (const subject of ['ada', 'grace']) await connect(page, 'research-user', subject);
    const rows = page.getByRole('region', { name: 'Grants' }).getByRole('listitem');
    await expect.poll(() => rows.count()).toBe(2);
    expect(await rows.first().textContent()).toMatch(/^ada.*consented .* by user\/local.*active.*min left/);
    await page.getByRole('img', { name: /refreshes over time, .* of grace, ada$/ }).waitFor();

    await page.getByRole('searchbox', { name: 'Subject' }).fill('GRA');
    await expect.poll(() => rows.count()).toBe(1);
    await page.getByRole('searchbox', { name: 'Subject' }).fill('nobody');
    await page.getByText(/^None of 2 has “nobody”/).waitFor();
    await page.getByRole('searchbox', { name: 'Subject' }).fill('');

    await button(page, 'Try it: grace').click();
    await button(page, 'Get a token').click();
    await page.getByRole('dialog').getByText('Fingerprint').waitFor();
    await button(page, 'Close').click();

    await button(page, 'Replace: grace').click();
    await page.getByText('stays until the new one is stored').waitFor();
    await consent(page);
    await button(page, 'Close').click();

    await button(page, 'Revoke: ada').click();
    await button(page, 'Keep it').click();
    await expect.poll(() => rows.count()).toBe(2);
    await button(page, 'Revoke: ada').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText(/^research-user, ada: (?:revoked|forgotten)/).waitFor();
    await button(page, 'Close').click();
    await expect.poll(() => rows.filter({ hasText: 'active' }).count()).toBe(1);
    expect(noted).toEqual([]);
  });

  test('a grant on a later page is found, and one that ends soon says so', async () => {
    const { page, noted } = await open();
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const common = { grant_status: 'active', consented_at: inDays(-60), consented_by: CALLER };
    const pages = [
      { grants: ['ada', 'grace'].map((subject) => ({ subject, ...common })), cursor: 'second' },
      { grants: [{ subject: 'linus', ...common, refresh_token_expires_at: inDays(6), expiring: true }] },
    ];
    await page.route('**/connections/logs-portal/grants*', (route) =>
      route.fulfill({ json: pages[route.request().url().endsWith('cursor=second') ? 1 : 0] }),
    );
    await goTo(page, '/connection/logs-portal');
    await button(page, 'More').waitFor();
    await page.getByRole('searchbox', { name: 'Subject' }).fill('linu');
    const row = page.getByRole('region', { name: 'Grants' }).getByRole('listitem');
    await expect
      .poll(() => row.allTextContents())
      .toEqual([expect.stringMatching(/^linus.*ends soon.*5 d left of the grant/)]);
    expect(noted).toEqual([]);
  });

  test('a consent that is denied is told in words', async () => {
    const { page } = await open();
    await goTo(page, '/connection/logs-portal');
    await button(page, 'Connect').click();
    const tab = page.context().waitForEvent('page');
    await button(page, 'Begin').click();
    const vendor = await tab;
    await button(vendor, /^Continue to/).click();
    await button(vendor, 'Deny').click();
    await page.getByText(/^Not connected: /).waitFor();
  });

  test('a device’s code is shown', async () => {
    const { page } = await open();
    await goTo(page, '/connection/research-kiosk');
    await button(page, 'Connect').click();
    await button(page, 'Begin').click();
    await page.getByText('The code to enter at the vendor').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  });

  test('whether a role may do something is answered', async () => {
    const { page, noted } = await open();
    await goTo(page, '/connection/onboarding');
    await page.getByRole('textbox', { name: 'May' }).fill('arn:aws:iam::111122223333:role/ci');
    await page.getByRole('combobox', { name: 'do' }).selectOption('revoke');
    await button(page, 'Ask').click();
    await page.getByText('IAM alone decides').waitFor();
    expect(noted).toEqual([]);
    await page.getByRole('textbox', { name: 'May' }).fill('ci');
    await button(page, 'Ask').click();
    await page.getByRole('alert').getByText('names no principal').waitFor();
  });

  test('activity is shown as it comes, and filtered', async () => {
    const { page, noted } = await open();
    for (const name of ['crash-symbols', 'crash-restricted']) {
      await goTo(page, `/connection/${name}`);
      await button(page, 'Get a token').click();
      await page.getByText('Fingerprint').waitFor();
    }
    await page.getByRole('link', { name: 'Activity' }).click();
    const rows = page.getByRole('main').getByRole('listitem');
    await rows.filter({ hasText: 'crash-restricted' }).first().waitFor();
    await page.getByRole('img', { name: /^Durations over time/ }).waitFor();
    await page.getByRole('searchbox').fill('crash-symbols');
    await expect.poll(() => rows.filter({ hasText: 'crash-restricted' }).count()).toBe(0);
    await page.getByRole('combobox').selectOption('vendor');
    await page.getByText(/^0 requests: .* [1-9]\d* vendor calls\.$/).waitFor();
    await page.getByRole('combobox').selectOption('tokens');
    await expect.poll(() => rows.first().textContent()).toContain('token · crash-symbols');
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText(/^Nothing of this kind yet/).waitFor();
    expect(noted).toEqual([]);
  });

  test('doctor says what is to mend, and how', async () => {
    const { page, noted } = await open();
    await page.getByRole('link', { name: 'Doctor' }).click();
    await page.getByText(/^\d+ to mend\.$/).waitFor();
    const rows = page.getByRole('main').getByRole('listitem');
    expect(await rows.first().textContent()).toMatch(/problem.*token-broker connect /);
    await button(page, 'Check again').click();
    await rows.filter({ hasText: 'token of crash-symbols' }).waitFor();
    expect(noted).toEqual([]);
  });

  test('a vendor is made to fail, the broker survives it, and tells of it', async () => {
    // Its own: within half a minute a vendor is asked anew but once.
    const own = await startLocalBrokerProcess();
    onTestFinished(() => own.dispose());
    const { page, noted } = await open({ viewport: DESK }, addressIn(own.output()));
    await page.getByRole('link', { name: 'Vendors' }).click();
    const bits = page.getByRole('region', { name: 'bits' });
    await bits.getByRole('button', { name: 'Ask for a token' }).click();
    await bits.getByText(/: a token from vendor/).waitFor();
    await bits.getByText('Faults').click();
    const fault = bits.getByRole('switch', { name: /^server error/ });
    await fault.click();
    await bits.getByText('Faults: server_error').waitFor();
    await bits.getByRole('button', { name: '… for a new one' }).click();
    await bits.getByText(/answered 503.*this one is still valid/).waitFor();
    await bits.getByRole('listitem').getByText('vendor unavailable').first().waitFor();
    await fault.click();
    await expect.poll(() => bits.getByText('Faults: server_error').count()).toBe(0);
    await bits.getByRole('button', { name: 'Count anew: bits' }).click();
    await expect
      .poll(() => bits.getByRole('definition').allTextContents())
      .toEqual(['0', '0', '0', '0', '0', '0', '0']);
    expect(noted).toEqual([]);
  });

  test('everything is reached by keyboard, and the focus comes back from a dialog', async () => {
    const { page } = await open();
    const focused = () => page.evaluate<string>('document.activeElement?.textContent ?? ""');
    const tabTo = async (wanted: RegExp) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press('Tab');
        if (wanted.test(await focused())) return;
      }
      throw new Error(`The keyboard does not reach ${wanted}.`);
    };
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    await tabTo(/^logs-desk$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'logs-desk' }).waitFor();
    await button(page, 'Connect').waitFor();
    await tabTo(/^Connect$/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(focused).toBe('Connect');
  });

  test('of a deployed broker it shows the last hour from CloudWatch, and who may use it by its file', async () => {
    const deployed = await startDeployedConsole();
    onTestFinished(() => deployed.dispose());
    deployed.refuse('AccessDeniedException');
    const { page, noted } = await open({ viewport: PHONE }, deployed.address);
    await page.getByRole('link', { name: 'Activity' }).click();
    await page.getByRole('alert').getByText('AccessDeniedException').waitFor();
    expect(await complaintsAbout(page)).toEqual([]);
    // The browser tells of the refusal, too.
    noted.length = 0;
    deployed.refuse(undefined);
    await page.reload();
    await page.getByText(/^1 requests: .* 1 from the vendor/).waitFor();
    expect(await complaintsAbout(page)).toEqual([]);
    await page.getByRole('link', { name: 'Connections' }).click();
    await page.getByRole('img', { name: 'last hour: 7 served, 2 minted, 1 failed' }).waitFor();
    expect(await page.getByRole('link', { name: 'Vendors' }).count()).toBe(0);
    await page.getByRole('link', { name: 'crash-symbols' }).click();
    await page.getByText(CALLER).waitFor();
    expect(await complaintsAbout(page)).toEqual([]);
    expect(noted).toEqual([]);
  });

  const looks = ['light', 'dark'] as const;
  test.each(looks)(
    'axe-core finds nothing in any view, %s, on a desk and on a phone',
    async (colorScheme) => {
      const { page, noted } = await open({ viewport: DESK, colorScheme });
      await connect(page, 'logs-portal', `axe ${colorScheme}`);
      for (const viewport of [DESK, PHONE]) {
        await page.setViewportSize(viewport);
        for (const [view, sign] of Object.entries(VIEWS)) {
          await goTo(page, view);
          await page.getByText(sign).first().waitFor();
          if (view === '/vendors') await page.getByText('Faults').first().click();
          expect([view, viewport.width, await complaintsAbout(page)]).toEqual([view, viewport.width, []]);
        }
        await goTo(page, '/connection/logs-portal');
        await button(page, /^Revoke: axe/)
          .first()
          .click();
        expect(await complaintsAbout(page)).toEqual([]);
        await button(page, 'Keep it').click();
      }
      expect(noted).toEqual([]);
    },
  );

  /** Of axe-core, and of a page that scrolls sideways. */
  async function complaintsAbout(page: Page): Promise<string[]> {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    const wide = await page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
    return wide ? [...found, 'it scrolls sideways'] : found;
  }
});
