/** On a terminal: what a person sees and types, with tmux as the terminal. */
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ownBroker } from './own-broker.ts';
import { cli, environmentOf, MAIN } from './support.ts';

const context = ownBroker();
const hasTmux = spawnSync('tmux', ['-V']).status === 0;

/** A terminal of 100 columns in which one command runs. */
function terminal(args: readonly string[]) {
  const socket = `token-broker-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const tmux = (...words: string[]) => spawnSync('tmux', ['-L', socket, ...words], { encoding: 'utf8', env });
  const env = { ...environmentOf(context.broker), TERM: 'xterm-256color' };
  const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
  tmux(
    '-f',
    '/dev/null',
    'new-session',
    '-d',
    '-x',
    '100',
    '-y',
    '40',
    `${command}; echo "ended with $?"; sleep 60`,
  );
  onTestFinished(() => void tmux('kill-server'));
  return {
    type: (...keys: string[]) => void tmux('send-keys', ...keys),
    /** With the colours as escape sequences. */
    screen: () => tmux('capture-pane', '-p', '-e').stdout,
    async shows(pattern: RegExp): Promise<string> {
      for (let tries = 0; tries < 200; tries += 1) {
        const shown = tmux('capture-pane', '-p').stdout;
        if (pattern.test(shown)) return shown;
        await delay(50);
      }
      throw new Error(`The terminal never showed ${pattern}:\n${tmux('capture-pane', '-p').stdout}`);
    },
  };
}

describe.skipIf(!hasTmux)('on a terminal', () => {
  test('secret put asks, shows nothing of the secret, and stores it', async () => {
    const { 'bugsplat-symbols': secret } = await context.vendors.bugsplat.clientSecrets();
    const { client_id, client_secret } = secret as unknown as Record<string, string>;
    const pane = terminal(['secret', 'put', 'crash']);
    await pane.shows(/client_id/);
    pane.type(client_id!, 'Enter');
    await pane.shows(/client_secret/);
    pane.type(client_secret!, 'Enter');
    const shown = await pane.shows(/ended with 0/);
    expect(shown).toContain('Stored token-broker/crash.');
    expect(shown).not.toContain(client_secret);
    expect(await cli(() => context.broker)(['token', 'crash'])).toMatchObject({ code: 0 });
  });

  test('Ctrl+C at a question changes nothing', async () => {
    const pane = terminal(['secret', 'put', 'crash']);
    await pane.shows(/client_id/);
    pane.type('C-c');
    expect(await pane.shows(/ended with 130/)).toContain('Cancelled: nothing was changed.');
  });

  test('connect shows the address, its QR code and the code for a device, counts down, and ends with connected', async () => {
    const pane = terminal(['connect', 'kiosk', '--replace']);
    const shown = await pane.shows(/Waiting for your consent … \d+:\d\d left/);
    expect(shown).toMatch(/[█▀▄]{10}/);
    const [, user_code = ''] = /The code to enter at the vendor: (\S+)/.exec(shown)!;
    const form = { user_code, decision: 'approve' };
    const uri = `${context.vendors.origins.bipsync}/oauth/device`;
    await fetch(uri, { method: 'POST', body: new URLSearchParams(form) });
    expect(await pane.shows(/ended with 0/)).toContain('connected: kiosk');
  });

  test('Ctrl+C while a consent is waited for ends with 130', async () => {
    const pane = terminal(['connect', 'kiosk', '--subject', 'impatient']);
    await pane.shows(/Waiting for your consent … \d+:\d\d left/);
    pane.type('C-c');
    expect(await pane.shows(/ended with \d+/)).toContain('ended with 130');
  });

  test('an error is red', async () => {
    const pane = terminal(['token', 'nowhere']);
    await pane.shows(/ended with 3/);
    expect(pane.screen()).toContain('\u001b[31merror:');
  });
});
