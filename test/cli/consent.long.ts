import { describe, expect, test } from 'vitest';
import { decideAt, typeCodeAt } from '../support/http-browser.ts';
import { ownBroker } from './own-broker.ts';
import { cli, environmentOf, start } from './support.ts';

const context = ownBroker();
const run = cli(() => context.broker);

describe('connect', () => {
  const address = /\n {2}(http:\S+)\n/;

  test.each([
    ['approve', 0, 'connected: person\n', /^$/],
    ['deny', 1, '', /consent was denied at the vendor.*\nnext: {2}token-broker connect person/],
  ] as const)(
    'waits for what the person decides in the browser: %s',
    async (decision, code, stdout, stderr) => {
      const running = start(environmentOf(context.broker), ['connect', 'person', '--subject', decision]);
      const [, url = ''] = await running.said(address);
      expect(await decideAt(url, decision)).toMatch(decision === 'approve' ? /connected/i : /./);
      const ended = await running.ended;
      expect(ended).toMatchObject({ code, stdout });
      expect(ended.stderr.split('Waiting for your consent …\n')[1]).toMatch(stderr);
    },
  );

  test('tells how the vendor failed while the consent was finished in the browser', async () => {
    const running = start(environmentOf(context.broker), ['connect', 'person', '--subject', 'failing']);
    const [, url = ''] = await running.said(address);
    context.vendors.bipsync.setFault({ fault: 'oauth_error', endpoint: 'token', error: 'invalid_client' });
    await decideAt(url, 'approve');
    const ended = await running.ended;
    context.vendors.bipsync.setFault();
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /Not connected: Exchanging the code at the vendor: \S+ refused: invalid_client \(HTTP 40\d\)/,
      ),
    });
  });

  test('shows a device code, and polls until the person has entered it', async () => {
    const running = start(environmentOf(context.broker), ['connect', 'kiosk']);
    const [, url = ''] = await running.said(address);
    const [, user_code = ''] = await running.said(/The code to enter at the vendor: (\S+)/);
    const page = await (await fetch(url)).text();
    const [, uri = ''] = /Open <a href="([^"]+)"/.exec(page)!;
    expect(page).toContain(user_code);
    const body = new URLSearchParams({ user_code, decision: 'approve' });
    await fetch(uri.replaceAll('&#38;', '&'), { method: 'POST', body });
    expect(await running.ended).toMatchObject({ code: 0, stdout: 'connected: kiosk\n' });
    expect(await run(['token', 'kiosk'])).toMatchObject({ code: 0 });
  });

  test('ends when a code has been typed on the page, whose first was mistyped', async () => {
    const running = start(environmentOf(context.broker), ['connect', 'paste']);
    const [, url = ''] = await running.said(address);
    expect(await typeCodeAt(url, (code) => `${code}x`)).toContain('That code was not taken');
    // Another browser: the first one has the consent to itself.
    expect(await (await fetch(url)).text()).toContain('Another browser began this');
    running.kill('SIGTERM');
    const again = start(environmentOf(context.broker), ['connect', 'paste']);
    expect(await typeCodeAt((await again.said(address))[1]!)).toContain('<h1>Connected</h1>');
    expect(await again.ended).toMatchObject({ code: 0, stdout: 'connected: paste\n' });
  });

  test('does not replace a live grant unasked', async () => {
    const begun = start(environmentOf(context.broker), ['connect', 'person', '--subject', 'twice']);
    await decideAt((await begun.said(address))[1]!, 'approve');
    await begun.ended;
    const again = await run(['connect', 'person', '--subject', 'twice']);
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: Subject "twice" has a live grant; add --replace to/m),
    });
  });
});

describe('revoke', () => {
  test('ends a grant, and says so when there is none', async () => {
    const running = start(environmentOf(context.broker), ['connect', 'person', '--subject', 'böb & co']);
    await decideAt((await running.said(/\n {2}(http:\S+)\n/))[1]!, 'approve');
    await running.ended;
    const revoke = ['revoke', 'person', '--subject', 'böb & co'];
    expect((await run(revoke)).stdout).toMatch(/^person, böb & co: (?:revoked|forgotten)/);
    expect((await run(revoke)).stdout).toBe('person, böb & co: there was no grant\n');
  });
});
