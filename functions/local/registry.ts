/**
 * Which local brokers of this user run, by port: a file for each in a folder that only this user can read. From it the
 * command line knows a broker's key and where its secrets are kept, and has the broker prove that it is the one.
 */
import { createHmac } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readIfPresent, writeAtomically } from './atomic-file.ts';
import { makePrivate, ownedByOther } from './private-folder.ts';

export interface Registered {
  /** Of the HTTPS routes. */
  readonly url: string;
  /** Of the DynamoDB and Secrets Manager that it uses. */
  readonly awsUrl: string;
  /** The secret of its key ids. */
  readonly key: string;
  /** What only the broker and this file know. */
  readonly proof: string;
  /** What opens its console. */
  readonly consoleKey: string;
}

/** The header of `GET /health` that asks for a proof, and what may stand in it. */
export const CHALLENGE_HEADER = 'x-token-broker-challenge';
export const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

export function proofOf(proof: string, challenge: string): string {
  return createHmac('sha256', proof).update(challenge).digest('base64url');
}

/** @returns what takes the entry away; a home that cannot be written to leaves the broker unregistered */
export async function register(entry: Registered): Promise<() => Promise<void>> {
  try {
    const path = await writePrivate(fileOf(new URL(entry.url).port), JSON.stringify(entry));
    return () => rm(path, { force: true });
  } catch {
    return async () => undefined;
  }
}

/** `undefined` where this user has registered none at the port, or another user could have written it. */
export async function registered(port: string): Promise<Registered | undefined> {
  const path = join(folder(), fileOf(port));
  try {
    if ((await ownedByOther(folder())) || (await ownedByOther(path))) return undefined;
    return JSON.parse((await readIfPresent(path)) ?? '') as Registered;
  } catch {
    return undefined;
  }
}

/** A file beside the entries: no other user can read it. @returns its path @throws Error where the home takes none */
export async function writePrivate(name: string, content: string): Promise<string> {
  const path = join(folder(), name);
  await makePrivate(folder());
  await writeAtomically(path, content);
  return path;
}

function fileOf(port: string): string {
  return `${port}.json`;
}

/** XDG Base Directory Specification */
function folder(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'token-broker');
}
