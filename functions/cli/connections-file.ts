import { readFile } from 'node:fs/promises';
import type { Connection } from '../../shared/connections/connection.ts';
import { ConnectionsFileError } from '../../shared/connections/issues.ts';
import { parseConnectionsText } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { usage } from './failure.ts';

/** @throws Failure with every mistake in the file */
export async function readConnectionsFile(
  path: string,
  { allowLoopbackHttp }: { readonly allowLoopbackHttp: boolean },
): Promise<ReadonlyMap<string, Connection>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw usage(`--connections ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  try {
    return parseConnectionsText(text, { vendors: VENDORS, allowLoopbackHttp });
  } catch (error) {
    if (!(error instanceof ConnectionsFileError)) throw error;
    throw usage(`${path}: ${error.message}`);
  }
}
