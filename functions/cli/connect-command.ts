import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import encodeQR from 'qr';
import { TokenBrokerError } from '../../shared/client/errors.ts';
import type { ConsentAnswer, ConsentStatusAnswer } from '../../shared/contract/messages.ts';
import { pathOf } from '../../shared/contract/routes.ts';
import { openInBrowser } from './browser.ts';
import { withTarget } from './command.ts';
import { onConnection } from './connection-list.ts';
import { EXIT, Failure } from './failure.ts';
import { findTargetToChange, type Target, type TargetOptions } from './target.ts';
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

/** What a live grant is answered with. */
const REPLACE = 'send "replace": true';

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
  token-broker connect research-kiosk`,
    )
    .action(async (connection: string, { subject, replace, browser, ...options }: Options) => {
      const target = await findTargetToChange(options);
      const body = { ...(subject !== undefined && { subject }), ...(replace && { replace }) };
      const { answer } = await onConnection(target, connection, () =>
        target
          .api('POST', pathOf('POST /connections/{connection}/consent', { connection }), body)
          .catch(inWordsOfTheCommand),
      );
      const consent = { target, connection, answer: answer as ConsentAnswer };
      showAddress(consent.answer, browser);
      finish(await waitFor(consent), connection);
    });
}

/** The broker names the member of its own request. */
function inWordsOfTheCommand(error: unknown): never {
  if (!(error instanceof TokenBrokerError) || !error.message.includes(REPLACE)) throw error;
  const { code, message } = error;
  throw new TokenBrokerError(code, message.replace(/^replace: s/, 'S').replace(REPLACE, 'add --replace'));
}

/** The page leads through all kinds of consent; it can be opened on another machine, or on a phone. */
function showAddress(answer: ConsentAnswer, browser: boolean): void {
  const url = answer.consent_url;
  const opened = browser && isInteractive() && openInBrowser(url);
  tell(
    `${opened ? 'Your browser opens' : 'Open'} this address, in any browser, and give consent:\n\n  ${url}\n`,
  );
  if (isInteractive()) tell(encodeQR(url, 'ascii'));
  if ('user_code' in answer)
    tell(`The code to enter at the vendor: ${styled('bold', answer.user_code, process.stderr)}\n`);
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
