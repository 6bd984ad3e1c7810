/** Folders of secrets: this user's own, and open to nobody else. */
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whether another user owns what stands there, or the link to it. Windows has no such owners. */
export async function ownedByOther(path: string): Promise<boolean> {
  return process.getuid !== undefined && (await lstat(path)).uid !== process.getuid();
}

/**
 * Makes a folder, and those above it, one by one: on some file systems (`/proc`) making them all at once never ends.
 * @returns whether it was there before
 */
export async function makePrivate(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    // The mode above is taken less the process's umask.
    await chmod(path, 0o700);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    const above = dirname(path);
    // What is there already and yet takes no folder never will.
    if (await makePrivate(above)) throw error;
    return makePrivate(path);
  }
}
