/** The command line of the local program. */
import { parseArgs } from 'node:util';

export interface LocalOptions {
  readonly port: number;
  readonly awsPort: number;
  /** Absent: the demo with simulated vendors. */
  readonly connections?: string;
  readonly data: string;
  /** Seconds. */
  readonly sweepEvery: number;
}

/** A command line that cannot be followed; the message names what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `Runs the token broker on this machine, on 127.0.0.1 only.

Usage: npm start -- [--port N] [--aws-port N] [--connections FILE] [--data DIR] [--sweep-every SECONDS]

  --port N              port of the HTTPS routes (here plain HTTP): 0–65535, 0 for any free one; default 8787
  --aws-port N          port of DynamoDB, Secrets Manager and Lambda Invoke: likewise; default 8788
  --connections FILE    the connections file; default: a demo with all four vendors simulated
  --data DIR            where secrets and tokens are kept; default .token-broker
  --sweep-every SECONDS how often the refresher runs: 1–86400; default 60
  --help                this text

If AWS_ENDPOINT_URL is set, DynamoDB and Secrets Manager are used there, and nothing is kept in DIR.

Examples:
  npm start
  npm start -- --connections connections.json --data ~/.token-broker
  npm start -- --port 9000 --aws-port 9001
  AWS_ENDPOINT_URL=http://127.0.0.1:8788 npm start -- --port 8797 --aws-port 8798   (a second broker on the first one's data)
`;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): LocalOptions | 'help' {
  const { values } = parse(args);
  if (values.help) return 'help';
  const port = integer('--port', values.port ?? '8787', 0, 65_535);
  const awsPort = integer('--aws-port', values['aws-port'] ?? '8788', 0, 65_535);
  if (port === awsPort && port !== 0) {
    throw new UsageError(`--port and --aws-port are both ${port}: they must differ`);
  }
  for (const name of ['connections', 'data'] as const) {
    if (values[name] === '') throw new UsageError(`--${name} is empty: it must be a path`);
  }
  return {
    port,
    awsPort,
    ...(values.connections === undefined ? {} : { connections: values.connections }),
    data: values.data ?? '.token-broker',
    sweepEvery: integer('--sweep-every', values['sweep-every'] ?? '60', 1, 86_400),
  };
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

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        'aws-port': { type: 'string' },
        connections: { type: 'string' },
        data: { type: 'string' },
        'sweep-every': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const found = error instanceof Error ? error.message.split(/\.? To specify|\n/)[0] : String(error);
    throw new UsageError(
      `${found}. Allowed: --port N, --aws-port N, --connections FILE, --data DIR, --sweep-every SECONDS, --help`,
    );
  }
}

function integer(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(
    `${option} is ${JSON.stringify(text)}: it must be an integer from ${least} to ${most}`,
  );
}
