#!/usr/bin/env node
/** `token-broker`: the command line. */
import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { TokenBrokerError } from '../../shared/client/errors.ts';
import { AwsRefusal } from './aws.ts';
import { EXIT, Failure, failureOf } from './failure.ts';
import { program } from './program.ts';
import { styled, tell } from './terminal.ts';

async function main(): Promise<void> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
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

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof TokenBrokerError) return failureOf(error);
  if (error instanceof AwsRefusal)
    return new Failure(EXIT.denied, error.message, 'Check the credentials and --region.');
  throw error;
}

main().catch(fail);
