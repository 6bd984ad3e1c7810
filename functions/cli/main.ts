#!/usr/bin/env node
/** `token-broker`: the command line. */
import { CommanderError } from 'commander';
import { asFailure } from './as-failure.ts';
import { manifest } from './manifest.ts';
import { program } from './program.ts';
import { styled, tell } from './terminal.ts';

async function main(): Promise<void> {
  const { version } = await manifest();
  await program(version).parseAsync();
}

function fail(error: unknown): void {
  // Commander has told already.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
    return;
  }
  const { message, next, exitCode } = asFailure(error);
  tell(`${styled('red', 'error:', process.stderr)} ${message}`);
  if (next) tell(`${styled('bold', 'next:', process.stderr)}  ${next}`);
  process.exitCode = exitCode;
}

main().catch(fail);
