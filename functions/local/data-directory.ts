/** The folder of everything that the local program keeps: for its owner only, and for one process at a time. */
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export interface DataDirectory {
  readonly path: string;
  /** Folder of the embedded DynamoDB's files. */
  readonly dynamodb: string;
  /** File of the embedded Secrets Manager. */
  readonly secrets: string;
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
    await mkdir(path, { recursive: true, mode: 0o700 });
    await keepPrivate(path);
    const release = await lock(join(path, 'lock'));
    return { path, dynamodb: join(path, 'dynamodb'), secrets: join(path, 'secrets.json'), release };
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

/** An empty folder is made private; one with content may be anything, so its mode is left to its owner. */
async function keepPrivate(path: string): Promise<void> {
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
