/** `npm start`: the broker on one machine. Exit codes: 0 stopped, 1 cannot run here, 2 told something wrong. */
import { endpointOf, parseOptions, usage } from './options.ts';

/** After this many milliseconds the process ends even if something does not want to close. */
const TIMEOUT = 4_000;

/** Errors whose message says all there is to say, with the exit code each deserves. */
const EXPECTED: Readonly<Record<string, number>> = {
  UsageError: 2,
  ConnectionsFileError: 2,
  DataDirectoryUnusable: 1,
  PortUnavailable: 1,
  StoresUnusable: 1,
};

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(usage());
    return;
  }
  const [{ startLocalBroker }, { welcome }] = await Promise.all([
    import('./start.ts'),
    import('./welcome.ts'),
  ]);
  const broker = await startLocalBroker(options, endpointOf(process.env, options));
  closeOnSignal(() => broker.close());
  process.stdout.write(welcome({ ...broker.about, seconds: process.uptime() }));
}

/** The first signal closes in order, a second one ends at once. */
function closeOnSignal(close: () => Promise<void>): void {
  let closing = false;
  const stop = () => {
    if (closing) process.exit(1);
    closing = true;
    setTimeout(() => process.exit(1), TIMEOUT).unref();
    close().then(() => process.exit(0), fail);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
}

function fail(error: unknown): void {
  const code = error instanceof Error ? EXPECTED[error.name] : undefined;
  const text = error instanceof Error ? (code === undefined ? error.stack : error.message) : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(code ?? 1);
}

main().catch(fail);
