/** The connections that the local program serves: the user's file, or the demo's. */
import { readFile } from 'node:fs/promises';
import type { Connection } from '../../shared/connections/connection.ts';
import { parseConnections, parseConnectionsText } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { UsageError } from './options.ts';

const options = { vendors: VENDORS, allowLoopbackHttp: true };

export type Connections = ReadonlyMap<string, Connection>;

/** A connections file that parses. */
export interface ConnectionsFile {
  readonly connections: Readonly<Record<string, object>>;
}

/** @throws UsageError when the file cannot be read, ConnectionsFileError with every mistake in it */
export async function readConnections(path: string): Promise<Connections> {
  return parseConnectionsText(await readText(path), options);
}

/** @throws as `readConnections` does */
export async function readConnectionsFile(path: string): Promise<ConnectionsFile> {
  const text = await readText(path);
  parseConnectionsText(text, options);
  return JSON.parse(text) as ConnectionsFile;
}

/** @throws ConnectionsFileError */
export function parsed(file: object): Connections {
  return parseConnections(file, options);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(
      `--connections ${path} cannot be read (${(error as NodeJS.ErrnoException).code}): it must be a JSON file`,
    );
  }
}
