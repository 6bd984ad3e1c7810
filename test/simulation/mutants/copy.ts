import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What the broker and its tests are made of. */
const PARTS = ['functions', 'shared', 'infra', 'test', 'package.json', 'tsconfig.json'];

/** A copy of the project that may be broken, gone afterwards. */
export async function withCopy<T>(use: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'mutant-'));
  try {
    for (const part of PARTS)
      cpSync(join(ROOT, part), join(root, part), {
        recursive: true,
        filter: (path) => !/node_modules|cdk\.out/.test(path.slice(ROOT.length)),
      });
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    return await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
