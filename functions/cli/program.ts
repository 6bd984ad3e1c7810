import { Command, Option } from 'commander';
import { withTarget } from './command.ts';
import { completionCommand } from './completion-command.ts';
import { connectCommand } from './connect-command.ts';
import { connectionCommand } from './connection-command.ts';
import { connectionsCommand } from './connections-command.ts';
import { consoleCommand } from './console-command.ts';
import { devCommand } from './dev-command.ts';
import { doctorCommand } from './doctor/command.ts';
import { execCommand } from './exec-command.ts';
import { EXIT, EXIT_CODES_HELP } from './failure.ts';
import { grantsCommand } from './grants-command.ts';
import { initCommand } from './init-command.ts';
import { revokeCommand } from './revoke-command.ts';
import { secretCommand } from './secret-command.ts';
import { tokenCommand } from './token-command.ts';
import { verifyCommand } from './verify/command.ts';

interface Manner {
  /** What is wrong with a command line is for the caller to tell. */
  readonly silent?: boolean;
}

/** The whole command line. Wrong ones throw CommanderError with exit code 2, after telling why on stderr. */
export function program(version: string, { silent = false }: Manner = {}): Command {
  const root = new Command('token-broker')
    .enablePositionalOptions()
    .hook('preAction', takeEarlyOptions)
    .description('Short-lived vendor tokens, for callers that AWS knows.')
    .version(version)
    .addHelpText(
      'after',
      `
Examples:
  token-broker connections
  token-broker token crash-symbols
  token-broker exec crash-symbols -- ./upload-symbols.sh
  token-broker connect logs-portal
  token-broker doctor --stack token-broker

Which broker: --endpoint, --stack or --local; else TOKEN_BROKER_ENDPOINT; else the one on this machine; else the
stack "token-broker" of your AWS account. Credentials: the AWS SDK's default chain (AWS_PROFILE, sso, roles …).

${EXIT_CODES_HELP}`,
    );
  for (const command of [
    tokenCommand(),
    execCommand(),
    connectionsCommand(),
    connectionCommand(),
    grantsCommand(),
    connectCommand(),
    revokeCommand(),
    consoleCommand(),
    secretCommand(),
    doctorCommand(),
    verifyCommand(),
    initCommand(),
    devCommand(),
    completionCommand(),
  ]) {
    root.addCommand(command);
  }
  for (const option of withTarget('', '').options) root.addOption(hidden(option));
  configure(root, silent);
  return root;
}

/** People put what says which broker before the command as well. */
function takeEarlyOptions(root: Command, command: Command): void {
  for (const early of root.options) {
    const name = early.attributeName();
    if (root.getOptionValueSource(name) !== 'cli') continue;
    if (!command.options.some((option) => option.attributeName() === name))
      command.error(`error: ${fullName(command)} asks no broker, which ${early.long} is for`);
    command.setOptionValueWithSource(name, root.getOptionValue(name), 'cli');
  }
  const named = ['endpoint', 'stack', 'local'].filter((name) => command.getOptionValueSource(name) === 'cli');
  if (named.length > 1) command.error(`error: --${named.join(' and --')} name different brokers`);
}

function hidden(option: Option): Option {
  return new Option(option.flags, option.description).hideHelp();
}

function configure(command: Command, silent: boolean): void {
  if (silent) command.configureOutput({ writeErr: () => undefined });
  command.showHelpAfterError(`(try: ${fullName(command)} --help)`).exitOverride((error) => {
    if (error.exitCode !== 0) error.exitCode = EXIT.usage;
    throw error;
  });
  for (const child of command.commands) configure(child, silent);
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}
