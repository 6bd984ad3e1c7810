import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { programOf } from '../support/compile-programs.ts';
import { type LocalBrokerProcess, STATE_HOME } from '../support/local-broker.ts';

export const MAIN = programOf('functions/cli/main');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves to the first match in what was printed to stderr. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
}

export interface RunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The environment of somebody who uses that broker, without the settings of whoever runs the tests. */
export function environmentOf(broker?: Pick<LocalBrokerProcess, 'url' | 'awsUrl'>): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:AWS_|TOKEN_BROKER_|FORCE_COLOR|NO_COLOR)/.test(name),
  );
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    XDG_STATE_HOME: STATE_HOME,
    ...(broker && { TOKEN_BROKER_ENDPOINT: broker.url, AWS_ENDPOINT_URL: broker.awsUrl }),
  };
}

/** The command line as a process of its own, without a terminal. */
export function start(environment: Record<string, string>, args: readonly string[], input = ''): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { env: environment, stdio: 'pipe' });
  child.stdin.end(input);
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    told += part;
  });
  const ended = Promise.all([text(child.stdout), once(child, 'close')]).then(([stdout]) => ({
    code: child.exitCode,
    stdout,
    stderr: told,
  }));
  return {
    ended,
    kill: (signal) => child.kill(signal),
    async said(pattern) {
      for (;;) {
        const match = pattern.exec(told);
        if (match) return match;
        if (child.exitCode !== null) throw new Error(`It ended without saying ${pattern}:\n${told}`);
        await Promise.race([once(child.stderr, 'data'), once(child, 'close')]);
      }
    },
  };
}

/** Runs commands as a user of that broker. */
export function cli(broker: () => Pick<LocalBrokerProcess, 'url' | 'awsUrl'>) {
  return (args: readonly string[], { input, environment }: RunOptions = {}): Promise<Ended> =>
    start({ ...environmentOf(broker()), ...environment }, args, input).ended;
}

/** What a terminal would show, without escape sequences and with what changes from run to run made equal. */
export function golden(printed: string): string {
  return stripVTControlCharacters(printed)
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replaceAll(/in \d+ (?:s|min|h|d)\b/g, 'in TIME')
    .replaceAll(/\d+ (?:s|min|h|d) ago|\bnow\b/g, 'TIME ago')
    .replaceAll(/ {2,}/g, '  ');
}
