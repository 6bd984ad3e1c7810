import type { Command } from 'commander';
import { withTarget } from './command.ts';
import { type Listed, listConnections } from './connection-list.ts';
import { findTarget, type TargetOptions } from './target.ts';
import { print, printJson, table, tell } from './terminal.ts';
import { fromNow, stateOf } from './words.ts';

export function connectionsCommand(): Command {
  return withTarget('connections', 'Show the connections that you may use, and how they are.')
    .option('--json', 'print the whole answer')
    .addHelpText(
      'after',
      `
Examples:
  token-broker connections
  token-broker connections --stack dev-token-broker --json`,
    )
    .action(async (options: TargetOptions & { json?: boolean }) => {
      const connections = await listConnections(await findTarget(options));
      if (options.json) return printJson({ connections });
      if (connections.length === 0) return tell('There is no connection that you may use.');
      print(table(HEADINGS, connections.map(row), ['GRANT', 'LAST REFRESH', 'VENDOR']));
    });
}

const HEADINGS = ['CONNECTION', 'VENDOR', 'GRANT', 'STATE', 'EXPIRES', 'LAST REFRESH', 'LAST FAILURE'];

function row(listed: Listed): string[] {
  const { connection, vendor = '-', grant_type = '-', expires_at, last_refresh, last_failure } = listed;
  const failure =
    last_failure && `${last_failure.vendor_error ?? last_failure.error}, ${fromNow(last_failure.at)}`;
  // The device grant's own name is a URN of 44 characters.
  const grant = grant_type.split(':').at(-1)!;
  return [
    connection,
    vendor,
    grant,
    stateOf(listed),
    fromNow(expires_at),
    fromNow(last_refresh),
    failure ?? '-',
  ];
}
