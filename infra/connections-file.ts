/** Reads and checks the connections at synth, so that a mistake stops here and not in a function. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, isForItself } from '../shared/connections/connection.ts';
import { ConnectionsFileError, pathOf } from '../shared/connections/issues.ts';
import { parseJson } from '../shared/connections/json.ts';
import { type ParseOptions, parseConnections } from '../shared/connections/parse.ts';
import { maySecretsBeSame } from '../shared/connections/secret.ts';
import { VENDORS } from '../shared/vendors/index.ts';
import type { Vendor } from '../shared/vendors/vendor.ts';
import { OperatorError } from './operator-error.ts';
import type { ClientSecret } from './secrets.ts';
import type { Stage } from './stage.ts';

/** A connections file's contents, as JSON has them, before anything is known of them. */
interface Document {
  readonly connections: Readonly<Record<string, object>>;
}

/**
 * In the order of the file, secrets named as the stage has them.
 * @throws OperatorError naming the file and every mistake in it
 */
export function loadConnections(
  source: string | Document,
  stage: Stage,
  vendors: Readonly<Record<string, Vendor>> = VENDORS,
): Connection[] {
  const options = { vendors, allowLoopbackHttp: false };
  const { document, where } =
    typeof source === 'string' ? read(source, options) : { document: source, where: undefined };
  return inFile(where, () => {
    const parsed = [...parseConnections(document, options).values()];
    if (parsed.length === 0) throw new OperatorError('There is no connection: a broker needs at least one.');
    return parsed.map((connection) => ({ ...connection, secret: stage.secretName(connection.secret) }));
  });
}

function read(path: string, options: ParseOptions): { document: unknown; where: string } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new OperatorError(`There is no connections file or folder at ${path}.`);
  return { document: stat.isDirectory() ? merged(path, options) : readDocument(path), where: path };
}

/** The files of a folder as one, by name; who owns a file owns its connections, so none may stand in two. */
function merged(folder: string, options: ParseOptions): Document {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  if (files.length === 0) throw new OperatorError(`There is no *.json in the folder ${folder}.`);
  const origin = new Map<string, string>();
  const others: Connection[] = [];
  const connections: Record<string, object> = {};
  for (const file of files) {
    const document = readDocument(join(folder, file));
    const checked = inFile(join(folder, file), () => parseConnections(document, options));
    for (const name of checked.keys()) {
      const other = origin.get(name);
      if (other) throw duplicate(name, join(folder, file), join(folder, other));
      origin.set(name, file);
    }
    for (const connection of checked.values()) {
      const owner = others.find((other) => isSameClient(other, connection));
      if (owner)
        throw foreignSecret(connection, join(folder, file), owner, join(folder, origin.get(owner.name)!));
    }
    others.push(...checked.values());
    Object.assign(connections, (document as Document).connections);
  }
  return { connections };
}

function isSameClient(a: Connection, b: Connection): boolean {
  const [one, other] = [a.webIdentity, b.webIdentity];
  if (one && other) return one.clientId === other.clientId && one.audience === other.audience;
  return one === other && maySecretsBeSame(a.secret, b.secret);
}

/** A secret, or a client that has none, is its file's: who may change another file must not have it sent where that one says. */
function foreignSecret(
  { name, secret, webIdentity }: Connection,
  file: string,
  owner: Connection,
  where: string,
): OperatorError {
  const [member, value] = webIdentity ? ['client_id', webIdentity.clientId] : ['secret', secret];
  const what = webIdentity ? 'a client' : 'a secret';
  return new OperatorError(
    `${file}: The connections file has a mistake:\n  ${pathOf('connections', name, member)}\n    found:   ${JSON.stringify(value)}, which connection "${owner.name}" in ${where} has\n    allowed: ${what} that no other file of the folder names`,
  );
}

function readDocument(file: string): unknown {
  return inFile(file, () => parseJson(readFileSync(file, 'utf8')));
}

function duplicate(name: string, file: string, other: string): OperatorError {
  return new OperatorError(
    `${file}: The connections file has a mistake:\n  ${pathOf('connections', name)}\n    found:   a connection that ${other} has already\n    allowed: a name that no other file of the folder has`,
  );
}

function inFile<T>(file: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConnectionsFileError)) throw error;
    throw new OperatorError(file ? `${file}: ${error.message}` : error.message);
  }
}

/** Whether there is a secret. */
function isStored({ webIdentity }: Connection): boolean {
  return webIdentity === undefined;
}

/**
 * Each secret once, with the connections that use it. Its logical id is made of the name without the stage, so
 * that a stage renames and does not rearrange.
 */
export function clientSecrets(connections: readonly Connection[], stage: Stage): ClientSecret[] {
  const users = new Map<string, Connection[]>();
  for (const each of connections.filter(isStored))
    users.set(each.secret, [...(users.get(each.secret) ?? []), each]);
  return [...users].map(([secret, all]) => ({
    id: stage.secretWithoutStage(secret),
    own: stage.isOwnSecret(secret),
    secret,
    open: all.some(({ grant, servesJwks }) => servesJwks || !isForItself(grant)),
    connections: all.map(({ name }) => name),
  }));
}
