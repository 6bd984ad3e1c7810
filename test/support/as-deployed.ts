import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOf } from '../../infra/bundling/build.ts';
import { BUNDLE_FILE } from '../../infra/bundling/programs.ts';

/** A module of this repository, bundled as the functions are, with the clients that they have, and loaded here. */
export async function asDeployed<Module>(entry: string): Promise<Module> {
  const folder = await mkdtemp(join(tmpdir(), 'as-deployed-'));
  const file = join(folder, BUNDLE_FILE);
  try {
    await writeFile(file, bundleOf(entry).code);
    return createRequire(import.meta.url)(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
