/** What the broker says of its connections, and help with their names. */

import { TokenBrokerError } from '../../shared/client/errors.ts';
import { CONNECTION_NAME, type ConnectionAnswer } from '../../shared/contract/messages.ts';
import { didYouMean } from '../../shared/contract/suggest.ts';
import { Failure, failureOf, usage } from './failure.ts';
import type { Target } from './target.ts';

/** A listed connection; one that could not be looked at has its name and the failure only. */
export type Listed = Partial<ConnectionAnswer> & Pick<ConnectionAnswer, 'connection'>;

/** @throws TokenBrokerError */
export async function listConnections({ api }: Target): Promise<Listed[]> {
  const { answer } = await api('GET', '/connections');
  return (answer as { connections?: Listed[] }).connections ?? [];
}

/**
 * Runs what a command does to one connection; when there is no such one, says which it may have meant.
 * @throws Failure
 */
export async function onConnection<T>(
  target: Target,
  connection: string,
  work: () => Promise<T>,
): Promise<T> {
  if (!CONNECTION_NAME.test(connection)) {
    throw usage(
      `CONNECTION is ${JSON.stringify(connection.slice(0, 80))}: 1 to 64 letters, digits, hyphens and underscores, not digits alone.`,
    );
  }
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TokenBrokerError)) throw error;
    const failure = failureOf(error, connection);
    if (error.code !== 'access_denied' && error.code !== 'unknown_connection') throw failure;
    const suggestion = await suggest(target, connection);
    const next = `token-broker connections  ${suggestion}`.trimEnd();
    throw new Failure(failure.exitCode, failure.message, next, error.code);
  }
}

async function suggest(target: Target, name: string): Promise<string> {
  try {
    const names = (await listConnections(target)).map(({ connection }) => connection);
    return names.includes(name) ? '' : didYouMean(name, names);
  } catch {
    // The failure that led here is the one to tell.
    return '';
  }
}
