import { Command } from 'commander';
import { completionCommand } from './completion-command.ts';
import { connectCommand } from './connect-command.ts';
import { connectionCommand } from './connection-command.ts';
import { connectionsCommand } from './connections-command.ts';
import { doctorCommand } from './doctor/command.ts';
import { execCommand } from './exec-command.ts';
import { EXIT, EXIT_CODES_HELP } from './failure.ts';
import { grantsCommand } from './grants-command.ts';
import { initCommand } from './init-command.ts';
import { revokeCommand } from './revoke-command.ts';
import { secretCommand } from './secret-command.ts';
import { tokenCommand } from './token-command.ts';
import { verifyCommand } from './verify/command.ts';

/** The whole command line. Wrong ones throw CommanderError with exit code 2, after telling why on stderr. */
export function program(version: string): Command {
  const root = new Command('token-broker')
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
    secretCommand(),
    doctorCommand(),
    verifyCommand(),
    initCommand(),
    completionCommand(),
  ]) {
    root.addCommand(command);
  }
  configure(root);
  return root;
}

function configure(command: Command): void {
  command.showHelpAfterError(`(try: ${fullName(command)} --help)`).exitOverride((error) => {
    if (error.exitCode !== 0) error.exitCode = EXIT.usage;
    throw error;
  });
  for (const child of command.commands) configure(child);
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}
