import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { OUT_OF_BAND } from '../../shared/connections/connection.ts';
import type { ConsentAnswer, ConsentStatusAnswer } from '../../shared/contract/messages.ts';
import { pathOf } from '../../shared/contract/routes.ts';
import { openInBrowser } from './browser.ts';
import { withTarget } from './command.ts';
import { onConnection } from './connection-list.ts';
import { EXIT, Failure } from './failure.ts';
import { ask } from './prompts.ts';
import { findTarget, type Target, type TargetOptions } from './target.ts';
import { isInteractive, print, styled, tell } from './terminal.ts';
import { startWaiting } from './waiting.ts';

interface Options extends TargetOptions {
  readonly subject?: string;
  readonly replace?: boolean;
  readonly browser: boolean;
}

interface Consent {
  readonly target: Target;
  readonly connection: string;
  readonly answer: ConsentAnswer;
}

/** Seconds between two looks at a consent that is finished in a browser. */
const LOOK_EVERY = 2;

export function connectCommand(): Command {
  return withTarget('connect', 'Give the broker consent to act for a person or an account at the vendor.')
    .argument('<connection>')
    .option('--subject <subject>', 'whose grant; default: the only one')
    .option('--replace', 'consent again although a live grant exists; it stays until the new one is stored')
    .option('--no-browser', 'print the address, do not open it')
    .addHelpText(
      'after',
      `
Examples:
  token-broker connect logs-portal
  token-broker connect research-user --subject alice --no-browser
  token-broker connect research-kiosk
  echo "$CODE" | token-broker connect paste-a-code     (out-of-band codes are read from the input)`,
    )
    .action(async (connection: string, { subject, replace, browser, ...options }: Options) => {
      const target = await findTarget(options);
      const body = { ...(subject !== undefined && { subject }), ...(replace && { replace }) };
      const { answer } = await onConnection(target, connection, () =>
        target.api('POST', pathOf('POST /connections/{connection}/consent', { connection }), body),
      );
      const consent = { target, connection, answer: answer as ConsentAnswer };
      showAddress(consent.answer, browser);
      finish(await (isOutOfBand(consent.answer) ? redeemCode(consent) : waitFor(consent)), connection);
    });
}

function showAddress(answer: ConsentAnswer, browser: boolean): void {
  const mayOpen = browser && isInteractive();
  if ('authorization_url' in answer) {
    const opened = mayOpen && openInBrowser(answer.authorization_url);
    tell(
      `${opened ? 'Your browser opens' : 'Open'} this address and give consent:\n\n  ${answer.authorization_url}\n`,
    );
    return;
  }
  const { user_code, verification_uri, verification_uri_complete = verification_uri } = answer;
  const opened = mayOpen && openInBrowser(verification_uri_complete);
  tell(`${opened ? 'Your browser opens' : 'Open'} ${verification_uri} on any device, and enter this code:\n`);
  tell(boxed(user_code));
}

/** The code is read from another screen, so it is set wide and apart. */
function boxed(code: string): string {
  const text = [...code].join(' ');
  const line = '─'.repeat(text.length + 6);
  const strong = styled('bold', text, process.stderr);
  return `  ┌${line}┐\n  │   ${strong}   │\n  └${line}┘\n`;
}

function isOutOfBand(answer: ConsentAnswer): boolean {
  if (!('authorization_url' in answer)) return false;
  return URL.parse(answer.authorization_url)?.searchParams.get('redirect_uri') === OUT_OF_BAND;
}

async function redeemCode(consent: Consent): Promise<ConsentStatusAnswer> {
  const code = isInteractive() ? await ask('The code that the vendor showed') : await firstLine();
  if (!code)
    throw new Failure(
      EXIT.usage,
      'There was no code on the input.',
      'Pipe it in, or run this on a terminal.',
    );
  return proceed(consent, { code });
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    return line.trim();
  }
  return '';
}

/** Until the person has decided or the time is over. */
async function waitFor(consent: Consent): Promise<ConsentStatusAnswer> {
  const { answer } = consent;
  const endsAt = Date.now() + answer.expires_in * 1000;
  let pause = 'interval' in answer ? answer.interval : LOOK_EVERY;
  const waiting = startWaiting(endsAt);
  try {
    for (;;) {
      await delay(Math.min(pause * 1000, Math.max(0, endsAt - Date.now())));
      if (Date.now() >= endsAt) return { status: 'expired' };
      const seen = await proceed(consent, {}).catch(pendingIfTemporary);
      if (seen.status !== 'pending') return seen;
      pause = seen.interval ?? pause;
    }
  } finally {
    waiting.stop();
  }
}

/** The person is still at it: a broker or vendor that is away for a moment does not end their consent. */
function pendingIfTemporary(error: unknown): ConsentStatusAnswer {
  if (error instanceof Failure && error.exitCode === EXIT.temporary) return { status: 'pending' };
  throw error;
}

async function proceed({ target, connection, answer }: Consent, body: object) {
  const path = pathOf('POST /connections/{connection}/consent/{consent}', {
    connection,
    consent: answer.consent,
  });
  const { answer: status } = await onConnection(target, connection, () => target.api('POST', path, body));
  return status as ConsentStatusAnswer;
}

function finish({ status, error_description: why }: ConsentStatusAnswer, connection: string): void {
  if (status === 'granted') {
    print(styled('green', `connected: ${connection}`));
    return;
  }
  const again = `token-broker connect ${connection}`;
  if (why !== undefined) throw new Failure(EXIT.failed, `Not connected: ${why}`, again);
  if (status === 'denied')
    throw new Failure(EXIT.failed, 'Not connected: consent was denied at the vendor.', again);
  throw new Failure(EXIT.failed, 'Not connected: the consent expired, or failed at the vendor.', again);
}
