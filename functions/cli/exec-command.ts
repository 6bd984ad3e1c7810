import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { withTarget } from './command.ts';
import { EXIT, Failure } from './failure.ts';
import { getToken, type TokenCommandOptions, withTokenOptions } from './token-command.ts';

export function execCommand(): Command {
  const command = withTarget('exec', 'Run a command with a token in its environment; nothing is printed.')
    .argument('<connection>')
    .argument('<command...>', 'after --')
    .option('--env <name>', 'the variable that holds the token', parseName, 'ACCESS_TOKEN')
    .addHelpText(
      'after',
      `
Examples:
  token-broker exec crash-symbols -- ./upload-symbols.sh
  token-broker exec crash-symbols --env BUGSPLAT_TOKEN -- npx upload --dir build`,
    );
  return withTokenOptions(command).action(
    async (
      connection: string,
      words: string[],
      { env, ...options }: TokenCommandOptions & { env: string },
    ) => {
      const { token } = await getToken(connection, options);
      process.exitCode = await run(words, { [env]: token.accessToken });
    },
  );
}

/** Ends as the command ends; signals are passed on, so that a supervisor's reach the command. */
async function run([program = '', ...args]: string[], environment: Record<string, string>): Promise<number> {
  let child: ChildProcess | undefined;
  const forward = (signal: NodeJS.Signals) => child?.kill(signal);
  // Before the command exists: a signal that came first would end this process alone.
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
    return await exitOf(child, program);
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function exitOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(cannotRun(program, error)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
  });
}

function cannotRun(program: string, { code }: NodeJS.ErrnoException): Failure {
  const exitCode = code === 'ENOENT' ? EXIT.notFound : EXIT.notExecutable;
  return new Failure(exitCode, `${program} cannot be run (${code}).`, 'Check its name and PATH.');
}

function parseName(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a name of letters, digits and underscores.');
}
