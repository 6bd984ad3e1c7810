import type { Command } from 'commander';
import { DEFAULT_SUBJECT, type RevokeAnswer } from '../../shared/contract/messages.ts';
import { pathOf } from '../../shared/contract/routes.ts';
import { withTarget } from './command.ts';
import { onConnection } from './connection-list.ts';
import { findTargetToChange, type TargetOptions } from './target.ts';
import { print } from './terminal.ts';
import { outcomeOfRevoking } from './words.ts';

interface Options extends TargetOptions {
  readonly subject: string;
  readonly force?: boolean;
}

export function revokeCommand(): Command {
  return withTarget('revoke', 'End a grant: at the vendor where it can, then here.')
    .argument('<connection>')
    .option('--subject <subject>', 'whose grant, for connections that act for people', DEFAULT_SUBJECT)
    .option('--force', 'forget it even if the vendor cannot be reached')
    .addHelpText(
      'after',
      `
Examples:
  token-broker revoke research-user --subject alice
  token-broker revoke logs-portal --force`,
    )
    .action(async (connection: string, { subject, force, ...options }: Options) => {
      const target = await findTargetToChange(options);
      const path = pathOf('DELETE /connections/{connection}/grants/{subject}', {
        connection,
        subject: encodeURIComponent(subject),
      });
      const { answer } = await onConnection(target, connection, () =>
        target.api('DELETE', force ? `${path}?force=true` : path),
      );
      print(`${connection}, ${subject}: ${outcomeOfRevoking(answer as RevokeAnswer)}`);
    });
}
