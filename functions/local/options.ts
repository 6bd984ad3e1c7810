/** The command line of the local program. */
import { Command, CommanderError } from 'commander';

export interface LocalOptions {
  readonly port: number;
  readonly awsPort: number;
  /** Absent: the demo with simulated vendors. */
  readonly connections?: string;
  /** Names of connections in it whose vendors are simulated; absent: none. */
  readonly simulate?: readonly string[];
  readonly data: string;
  /** The secret of every key id; absent: `local` in the demo, else one that is kept with the data. */
  readonly key?: string;
  /** Seconds. */
  readonly sweepEvery: number;
}

/** A command line that cannot be followed; the message names what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError with everything that is wrong with the options' values */
export function parseOptions(args: readonly string[]): LocalOptions | 'help' {
  const mistakes: string[] = [];
  const options = parsed(args, mistakes);
  if (options === 'help') return 'help';
  const { port, awsPort } = options;
  if (port === awsPort && port !== 0)
    mistakes.push(`--port and --aws-port are both ${port}: they must differ`);
  if (options.simulate && options.connections === undefined)
    mistakes.push('--simulate: it names connections of --connections FILE; the demo simulates all');
  if (mistakes.length > 0) throw new UsageError(mistakes.join('\n'));
  return options;
}

/**
 * The endpoint whose DynamoDB and Secrets Manager are to be used, where the environment names one.
 * @throws UsageError when it is no URL, or the very port that would then wait for itself
 */
export function endpointOf(environment: NodeJS.ProcessEnv, { awsPort }: LocalOptions): string | undefined {
  const endpoint = environment.AWS_ENDPOINT_URL;
  if (!endpoint) return undefined;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new UsageError(`AWS_ENDPOINT_URL is ${JSON.stringify(endpoint)}: it must be an http or https URL`);
  }
  const { hostname, port } = new URL(endpoint);
  if (['127.0.0.1', 'localhost'].includes(hostname) && port === String(awsPort)) {
    throw new UsageError(
      `AWS_ENDPOINT_URL is ${endpoint}, which is this broker's own --aws-port: unset it, or choose another port`,
    );
  }
  return endpoint;
}

function parsed(args: readonly string[], mistakes: string[]): LocalOptions | 'help' {
  try {
    return commandLine(mistakes).parse(args, { from: 'user' }).opts<LocalOptions>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return 'help';
    const reason = error.message.replace(/^error: /, '').replace('\n', ' ');
    throw new UsageError([...mistakes, `${reason}. ${ALLOWED}`].join('\n'));
  }
}

/** The text of `--help`. */
export const usage = () => commandLine([]).helpInformation() + NOTES;

/** @param mistakes gets what is wrong with an option's value, so that all of it is told at once */
function commandLine(mistakes: string[]): Command {
  const integer = (option: string, least: number, most: number) => (text: string) => {
    const value = Number(text);
    if (/^\d{1,6}$/.test(text) && value >= least && value <= most) return value;
    mistakes.push(`${option} is ${JSON.stringify(text)}: it must be an integer from ${least} to ${most}`);
    return Number.NaN;
  };
  const path = (option: string) => (text: string) => {
    if (text === '') mistakes.push(`${option} is empty: it must be a path`);
    return text;
  };
  const secret = (option: string) => (text: string) => {
    if (!/^[!-~]{1,128}$/.test(text)) mistakes.push(`${option}: it must be 1–128 visible ASCII characters`);
    return text;
  };
  return new Command('npm start --')
    .description('Runs the token broker on this machine, on 127.0.0.1 only.')
    .option(
      '--port <n>',
      'port of the HTTPS routes (here plain HTTP): 0–65535, 0 for any free one',
      integer('--port', 0, 65_535),
      8787,
    )
    .option(
      '--aws-port <n>',
      'port of DynamoDB, Secrets Manager, KMS and Lambda Invoke: likewise',
      integer('--aws-port', 0, 65_535),
      8788,
    )
    .option(
      '--connections <file>',
      'the connections file; default: a demo with all four vendors simulated',
      path('--connections'),
    )
    .option('--simulate <names...>', 'connections of that file to have simulated vendors')
    .option('--data <dir>', 'where secrets and tokens are kept', path('--data'), '.token-broker')
    .option(
      '--key <secret>',
      'secret of the key ids; default: "local" in the demo, else a random one that is kept in DIR',
      secret('--key'),
    )
    .option(
      '--sweep-every <seconds>',
      'how often the refresher runs: 1–86400',
      integer('--sweep-every', 1, 86_400),
      60,
    )
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
}

const ALLOWED =
  'Allowed: --port N, --aws-port N, --connections FILE, --simulate NAME..., --data DIR, --key SECRET, --sweep-every SECONDS, --help';

const NOTES = `
From the npm package it is started by: npx token-broker dev

If AWS_ENDPOINT_URL is set, DynamoDB, Secrets Manager and KMS are used there, and nothing is kept in DIR.

Examples:
  npm start
  npm start -- --connections connections.json --data ~/.token-broker
  npm start -- --connections connections.json --simulate crash-symbols logs-portal
  npm start -- --port 9000 --aws-port 9001
  AWS_ENDPOINT_URL=http://127.0.0.1:8788 npm start -- --port 8797 --aws-port 8798   (a second broker on the first one's data)
`;
