import { expect } from 'vitest';
import type { Connection } from '../../shared/connections/connection.ts';
import type { BrokerWorld } from './broker.ts';
import {
  type BrokerChild,
  type ChildOutcome,
  type ChildSetup,
  startBrokerChild,
} from './broker-processes.ts';

/** The connection as a child process reads it from a file. */
export function setupOf(world: BrokerWorld, connection: Connection): ChildSetup {
  const { name, vendor, baseUrl, secret } = connection;
  const file = {
    connections: { [name]: { vendor, base_url: baseUrl, secret, scope: connection.scope.join(' ') } },
  };
  return { origins: world.origins, names: world.names, file };
}

/** Runs `use` with that many processes, and ends them whatever comes of it. */
export async function withChildren<T>(
  setups: readonly ChildSetup[],
  use: (children: BrokerChild[]) => Promise<T>,
): Promise<T> {
  const starts = await Promise.allSettled(setups.map(startBrokerChild));
  const children = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    return await use(children);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
}

/** All processes ask at one moment, each as many times; `at` is that moment in milliseconds since the epoch. */
export async function askTogether(
  children: readonly BrokerChild[],
  requests: number,
  at = Date.now() + 200,
): Promise<ChildOutcome[]> {
  return (await Promise.all(children.map((child) => child.ask(requests, { at })))).flat();
}

/** That every request had begun before any was answered: otherwise the test would prove nothing. */
export function expectOverlap(outcomes: readonly ChildOutcome[]): void {
  const lastBegun = Math.max(...outcomes.map(({ begunAt }) => begunAt));
  const firstEnded = Math.min(...outcomes.map(({ endedAt }) => endedAt));
  expect(lastBegun).toBeLessThan(firstEnded);
}

export const tokensOf = (outcomes: readonly ChildOutcome[]) => new Set(outcomes.map(({ token }) => token));
