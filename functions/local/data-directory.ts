/** The folder of everything that the local program keeps: for its owner only, and for one process at a time. */
import { randomBytes } from 'node:crypto';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readIfPresent, writeAtomically } from './atomic-file.ts';
import { makePrivate, ownedByOther } from './private-folder.ts';

export interface DataDirectory {
  readonly path: string;
  /** Folder of the embedded DynamoDB's files. */
  readonly dynamodb: string;
  /** File of the embedded Secrets Manager. */
  readonly secrets: string;
  /** File of the embedded KMS' keys. */
  readonly kms: string;
  /** File of what simulated vendors keep. */
  readonly simulators: string;
  /** The secret of the broker's key ids, made once. */
  key(): Promise<string>;
  /** Lets another process have it. */
  release(): Promise<void>;
}

/** The folder cannot be used; the message says why, and what to do. */
export class DataDirectoryUnusable extends Error {
  override readonly name = 'DataDirectoryUnusable';
}

/** Creates the folder where there is none. @throws DataDirectoryUnusable */
export async function openDataDirectory(given: string): Promise<DataDirectory> {
  const path = resolve(given);
  try {
    await makePrivate(path);
    await keepPrivate(path);
    const release = await lock(join(path, 'lock'));
    return {
      path,
      dynamodb: join(path, 'dynamodb'),
      secrets: join(path, 'secrets.json'),
      kms: join(path, 'kms.json'),
      simulators: join(path, 'simulators'),
      key: () => keyIn(join(path, 'key')),
      release,
    };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    if (code === 'LEVEL_LOCKED') {
      throw new DataDirectoryUnusable(
        `--data ${path} is in use by another broker: stop it, or choose another folder with --data DIR`,
      );
    }
    throw new DataDirectoryUnusable(
      `--data ${path} cannot be used (${code}): it must be a folder that you can write to`,
    );
  }
}

/**
 * LevelDB's lock, which the system releases however its holder ends; Node.js has none of its own. It is an empty
 * database's, since the tables' own would be found taken only by dynalite's first request, which it does not survive.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  const { ClassicLevel } = await import('classic-level');
  const database = new ClassicLevel(path);
  try {
    await database.open();
  } catch (error) {
    // What stopped it is in the cause.
    throw (error as Error).cause ?? error;
  }
  return () => database.close();
}

/** Made once and kept, so that what was told of it stays true after a restart. */
async function keyIn(path: string): Promise<string> {
  const kept = await readIfPresent(path);
  if (kept) return kept;
  const made = randomBytes(24).toString('base64url');
  await writeAtomically(path, made);
  return made;
}

/** An empty folder is made private; one with content may be anything, so its mode is left to its owner. */
async function keepPrivate(path: string): Promise<void> {
  if (await ownedByOther(path)) {
    throw new DataDirectoryUnusable(
      `--data ${path} belongs to another user, who could read what it will hold: choose another folder`,
    );
  }
  const { mode } = await stat(path);
  const empty = (await readdir(path)).length === 0;
  if (empty) {
    await chmod(path, 0o700);
    await writeFile(join(path, '.gitignore'), '*\n');
  } else if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8);
    throw new DataDirectoryUnusable(
      `--data ${path} is open to other users (mode ${octal}), and it will hold secrets: ` +
        `run chmod 700 ${path}, or choose another folder`,
    );
  }
}
