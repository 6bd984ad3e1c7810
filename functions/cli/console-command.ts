import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Command } from 'commander';
import { consoleAddress } from '../console/address.ts';
import { type LocalServer, serve } from '../local/http.ts';
import { registered } from '../local/registry.ts';
import { openPrivatelyInBrowser } from './browser.ts';
import { withTarget } from './command.ts';
import { readConnectionsFile } from './connections-file.ts';
import { EXIT, Failure } from './failure.ts';
import { findTarget, proven, type Target, type TargetOptions } from './target.ts';
import { isInteractive, print, tell } from './terminal.ts';

interface Options extends TargetOptions {
  readonly connections?: string;
  readonly browser: boolean;
}

/** Bytes: the longest body of a broker's route that a page sends is a consent's. */
const BODY_LIMIT = 64 * 1024;
const HEADER_LIMIT = 16 * 1024;

export function consoleCommand(): Command {
  return withTarget('console', 'Open a page that shows how everything is: connections, grants, checks.')
    .option('--connections <file>', 'the connections file, to show who may use what is deployed')
    .option('--no-browser', 'print the address, do not open it')
    .addHelpText(
      'after',
      `
Examples:
  token-broker console --stack token-broker --connections infra/connections.json
  token-broker console --local

It is served on 127.0.0.1, to whoever has the printed address, and signs with your credentials until Ctrl+C ends it. A
broker on this machine serves its own: that one is opened.`,
    )
    .action(async ({ browser, connections: file, ...options }: Options) => {
      const target = await findTarget(options);
      if (target.isLocal) return show(await addressOfLocal(target), browser);
      const { server, address } = await serveConsole(target, file);
      await show(address, browser);
      tell('Ctrl+C ends it.');
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      await server.close();
    });
}

/** On a port that is free. @param file path of a connections file */
async function serveConsole(
  target: Target,
  file: string | undefined,
): Promise<{ server: LocalServer; address: string }> {
  const deployedFrom = file !== undefined && {
    file,
    connections: await readConnectionsFile(file, { allowLoopbackHttp: false }),
  };
  // Loaded when it is wanted: every other command begins sooner.
  const [{ createConsole }, { deployedActivity }] = await Promise.all([
    import('../console/console.ts'),
    import('../console/deployed-activity.ts'),
  ]);
  const key = randomBytes(32).toString('base64url');
  const server = await serve({
    port: 0,
    option: '--port',
    bodyLimit: BODY_LIMIT,
    headerLimit: HEADER_LIMIT,
    respond: createConsole({ target, key, activity: deployedActivity(target), ...deployedFrom }),
  });
  return { server, address: consoleAddress(server.url, key) };
}

/** @throws Failure where it is no broker of this user's */
async function addressOfLocal(target: Target): Promise<string> {
  await proven(target);
  const entry = await registered(target.endpoint.port);
  if (entry) return consoleAddress(target.endpoint.origin, entry.consoleKey);
  throw new Failure(
    EXIT.failed,
    `The broker at ${target.endpoint.host} could not be entered in your home folder: what it printed at its start has the console's address.`,
  );
}

async function show(address: string, browser: boolean): Promise<void> {
  print(address);
  if (browser && isInteractive() && (await openPrivatelyInBrowser(address, 'console.html')))
    tell('Your browser opens it.');
}
