import type { Command } from 'commander';
import type { GrantAnswer, GrantListAnswer } from '../../shared/contract/messages.ts';
import { MOST_GRANTS_A_PAGE } from '../../shared/contract/messages.ts';
import { pathOf } from '../../shared/contract/routes.ts';
import { withTarget } from './command.ts';
import { onConnection } from './connection-list.ts';
import { findTarget, type Target, type TargetOptions } from './target.ts';
import { print, printJson, table, tell } from './terminal.ts';
import { fromNow } from './words.ts';

export function grantsCommand(): Command {
  return withTarget('grants', 'List the grants of a connection: whose they are, and how.')
    .argument('<connection>')
    .option('--json', 'print all that is known of them')
    .addHelpText(
      'after',
      `
Examples:
  token-broker grants logs-portal
  token-broker grants logs-portal --json | jq -r '.grants[] | select(.grant_status != "active").subject'`,
    )
    .action(async (connection: string, options: TargetOptions & { json?: boolean }) => {
      const grants = await allGrants(await findTarget(options), connection);
      if (options.json) return printJson({ grants });
      if (grants.length === 0) return tell(`Nobody has consented yet: token-broker connect ${connection}`);
      print(table(HEADINGS, grants.map(row), ['BY', 'LAST REFRESH', 'CONSENTED']));
    });
}

const HEADINGS = ['SUBJECT', 'STATE', 'EXPIRES', 'LAST REFRESH', 'CONSENTED', 'BY', 'LAST FAILURE'];

async function allGrants(target: Target, connection: string): Promise<GrantAnswer[]> {
  const all: GrantAnswer[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(MOST_GRANTS_A_PAGE), ...(cursor && { cursor }) });
    const { answer } = await onConnection(target, connection, () =>
      target.api('GET', `${pathOf('GET /connections/{connection}/grants', { connection })}?${query}`),
    );
    const page = answer as GrantListAnswer;
    all.push(...page.grants);
    cursor = page.cursor;
  } while (cursor);
  return all;
}

function row(grant: GrantAnswer): string[] {
  const { subject, grant_status, expires_at, last_refresh_at, consented_at, consented_by, last_failure } =
    grant;
  const failure =
    last_failure && `${last_failure.vendor_error ?? last_failure.error}, ${fromNow(last_failure.at)}`;
  return [
    subject,
    grant.expiring ? `${grant_status}, ends ${fromNow(grant.refresh_token_expires_at)}` : grant_status,
    fromNow(expires_at),
    fromNow(last_refresh_at),
    fromNow(consented_at),
    // The part of an ARN that people call somebody by.
    consented_by.split(':').at(-1)!,
    failure ?? '-',
  ];
}
