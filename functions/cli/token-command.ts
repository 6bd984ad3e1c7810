import { type Command, InvalidArgumentError } from 'commander';
import { type Token, tokenOf } from '../../shared/client/token.ts';
import { MAX_MIN_TTL, type TokenAnswer, type TokenRequestBody } from '../../shared/contract/messages.ts';
import { pathOf } from '../../shared/contract/routes.ts';
import { withTarget } from './command.ts';
import { onConnection } from './connection-list.ts';
import { findTarget, type TargetOptions } from './target.ts';
import { print, printJson, warn } from './terminal.ts';

export interface TokenCommandOptions extends TargetOptions {
  readonly scope?: string;
  readonly subject?: string;
  readonly param?: Readonly<Record<string, string>>;
  readonly minTtl?: number;
}

/** The options of every command that gets a token. */
export function withTokenOptions(command: Command): Command {
  return command
    .option('--scope <scope>', 'space-separated scopes, among those that the connection allows')
    .option('--subject <subject>', 'whose grant, for connections that act for people')
    .option('--param <name=value>', 'an extra claim that a scope needs; repeatable', collectParam)
    .option('--min-ttl <seconds>', 'life that the token should have left', parseMinTtl);
}

export function tokenCommand(): Command {
  const command = withTarget('token', 'Get a token and print it.')
    .argument('<connection>')
    .option('--header', 'print it as an Authorization header')
    .option('--json', 'print the whole answer')
    .addHelpText(
      'after',
      `
Examples:
  token-broker token crash-symbols
  token-broker token crash-symbols --header
  token-broker token crash-symbols --header | curl -H @- https://api.example.com/
  token-broker token onboarding --scope application.session \\
    --param application_id=1 --param workflow_id=2 --param redirect_url=https://example.com/done
  token-broker token research-user --subject alice --json`,
    );
  return withTokenOptions(command).action(
    async (connection: string, options: TokenCommandOptions & { header?: boolean; json?: boolean }) => {
      const { token, answer } = await getToken(connection, options);
      if (options.json) printJson(answer);
      else print(options.header ? `Authorization: ${token.authorization}` : token.accessToken);
    },
  );
}

/** @throws Failure */
export async function getToken(
  connection: string,
  options: TokenCommandOptions,
): Promise<{ token: Token; answer: TokenAnswer }> {
  const target = await findTarget(options);
  const body: TokenRequestBody = {
    ...(options.scope !== undefined && { scope: options.scope }),
    ...(options.subject !== undefined && { subject: options.subject }),
    ...(options.param && { params: { ...options.param } }),
    ...(options.minTtl !== undefined && { min_ttl: options.minTtl }),
  };
  const { answer, sentAt } = await onConnection(target, connection, () =>
    target.api('POST', pathOf('POST /connections/{connection}/token', { connection }), body),
  );
  const token = tokenOf(answer, sentAt);
  if (token.warning !== undefined) warn(token.warning);
  return { token, answer: answer as TokenAnswer };
}

function collectParam(text: string, before: Record<string, string> = {}): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('It must be NAME=VALUE.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function parseMinTtl(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= MAX_MIN_TTL) return value;
  throw new InvalidArgumentError(`It must be whole seconds from 0 to ${MAX_MIN_TTL}.`);
}
