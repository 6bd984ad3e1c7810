#!/usr/bin/env node
/** `token-broker`: the command line. */
import { CommanderError } from 'commander';
import { asFailure } from './as-failure.ts';
import { type Failure, usage } from './failure.ts';
import { manifest } from './manifest.ts';
import { program } from './program.ts';
import { styled, tell } from './terminal.ts';

const words = process.argv.slice(2);
/** Not what is behind `--`, which is another command's. */
const wantsJson = words.slice(0, [...words, '--'].indexOf('--')).includes('--json');

async function main(): Promise<void> {
  const { version } = await manifest();
  await program(version, { silent: wantsJson }).parseAsync();
}

function fail(error: unknown): void {
  const isUsage = error instanceof CommanderError;
  if (isUsage) process.exitCode = error.exitCode;
  // Commander has told already.
  if (isUsage && (error.exitCode === 0 || !wantsJson)) return;
  const failure = isUsage ? usage(error.message.replace(/^error: /, '')) : asFailure(error);
  process.exitCode = failure.exitCode;
  tell(wantsJson ? JSON.stringify({ error: failure }, undefined, 2) : textOf(failure));
}

function textOf({ message, next }: Failure): string {
  const error = `${styled('red', 'error:', process.stderr)} ${message}`;
  return next === undefined ? error : `${error}\n${styled('bold', 'next:', process.stderr)}  ${next}`;
}

// As other commands end when what reads them does, say `head`.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
main().catch(fail);
