import { describe, expect, test } from 'vitest';
import { ownBroker } from './own-broker.ts';
import { cli, environmentOf, start } from './support.ts';

const context = ownBroker();
const run = cli(() => context.broker);

/** The person's part at the vendor. */
async function decide(address: string, decision: 'approve' | 'deny', fields: Record<string, string> = {}) {
  const response = await fetch(address, {
    method: 'POST',
    body: new URLSearchParams({ decision, ...fields }),
  });
  return response.text();
}

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
      expect(await decide(url, decision)).toMatch(decision === 'approve' ? /connected/i : /./);
      const ended = await running.ended;
      expect(ended).toMatchObject({ code, stdout });
      expect(ended.stderr.split('Waiting for your consent …\n')[1]).toMatch(stderr);
    },
  );

  test('tells how the vendor failed while the consent was finished in the browser', async () => {
    const running = start(environmentOf(context.broker), ['connect', 'person', '--subject', 'failing']);
    const [, url = ''] = await running.said(address);
    context.vendors.bipsync.setFault({ fault: 'oauth_error', endpoint: 'token', error: 'invalid_client' });
    await decide(url, 'approve');
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
    const [, uri = ''] = await running.said(/Open (http:\S+) on any device/);
    const [, code = ''] = await running.said(/│ {3}(.*?) {3}│/);
    await decide(uri, 'approve', { user_code: code.replaceAll(/(.) ?/g, '$1') });
    expect(await running.ended).toMatchObject({ code: 0, stdout: 'connected: kiosk\n' });
    expect(await run(['token', 'kiosk'])).toMatchObject({ code: 0 });
  });

  test('takes an out-of-band code from the input, and tells when it is wrong', async () => {
    const wrong = await run(['connect', 'paste'], { input: 'wrong\n' });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/error: .*invalid_grant/) });
    expect(await run(['connect', 'paste'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no code/),
    });
  });

  test('does not replace a live grant unasked', async () => {
    const begun = start(environmentOf(context.broker), ['connect', 'person', '--subject', 'twice']);
    await decide((await begun.said(address))[1]!, 'approve');
    await begun.ended;
    const again = await run(['connect', 'person', '--subject', 'twice']);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringMatching(/live grant/) });
  });
});

describe('revoke', () => {
  test('ends a grant, and says so when there is none', async () => {
    const running = start(environmentOf(context.broker), ['connect', 'person', '--subject', 'böb & co']);
    await decide((await running.said(/\n {2}(http:\S+)\n/))[1]!, 'approve');
    await running.ended;
    const revoke = ['revoke', 'person', '--subject', 'böb & co'];
    expect((await run(revoke)).stdout).toMatch(/^person, böb & co: (?:revoked|forgotten)/);
    expect((await run(revoke)).stdout).toBe('person, böb & co: there was no grant\n');
  });
});
