/** Packages of others that the broker is measured against, in a folder and with a lock file of their own. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const PEERS = fileURLToPath(new URL('peers/', import.meta.url));

const load = createRequire(join(PEERS, 'package.json'));

/** At the first use, and after each change of the lock file. @throws Error which says why npm could not */
export async function installPeers(): Promise<void> {
  const written = async (name: string) =>
    (await stat(join(PEERS, name)).catch(() => undefined))?.mtimeMs ?? 0;
  // npm writes the hidden lock file last.
  if ((await written('node_modules/.package-lock.json')) >= (await written('package-lock.json'))) return;
  process.stderr.write(`npm ci in ${PEERS}\n`);
  try {
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: PEERS });
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr || String(error);
    throw new Error(
      `The packages that the broker is compared with cannot be installed in ${PEERS}: ${reason}`,
    );
  }
}

/** @param name of a package, or of a file in it */
export async function peer<Module>(name: string): Promise<Module> {
  await installPeers();
  return load(name) as Module;
}
