/** What the commands around secrets must know of a connection. */

import {
  CLIENT_AUTH_METHODS,
  type ClientAuthMethod,
  type GrantType,
} from '../../shared/connections/connection.ts';
import type { KmsAlgorithm } from '../../shared/connections/kms.ts';
import type { ConnectionAnswer } from '../../shared/contract/messages.ts';
import { NAMES } from '../../shared/contract/names.ts';
import { present } from '../../shared/contract/present.ts';
import { pathOf } from '../../shared/contract/routes.ts';
import { stagedSecret } from '../../shared/contract/stage.ts';
import { didYouMean } from '../../shared/contract/suggest.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { onConnection } from './connection-list.ts';
import { readConnectionsFile } from './connections-file.ts';
import { type Failure, usage } from './failure.ts';
import type { Target } from './target.ts';

export interface SecretOptions {
  readonly connections?: string;
  readonly secret?: string;
  readonly clientAuth?: ClientAuthMethod;
}

export interface ClientSettings {
  readonly connection: string;
  /** Name or ARN in Secrets Manager. */
  readonly secretName: string;
  /** One where it is known, else all that the vendor takes; the first is the vendor's default. */
  readonly methods: readonly ClientAuthMethod[];
  /** Where it is known. */
  readonly grant?: GrantType;
  /** Where it is known that a KMS key signs. */
  readonly kmsAlgorithm?: KmsAlgorithm;
}

/**
 * From the connections file where it is given, else from what the broker says and the defaults.
 * @throws Failure
 */
export async function settingsOf(
  target: Target,
  connection: string,
  options: SecretOptions,
): Promise<ClientSettings> {
  const entry = await fileEntry(target, connection, options.connections);
  if (entry?.webIdentity || options.clientAuth === 'aws_web_identity') throw nothingStored(connection);
  const secretName =
    options.secret ?? stagedSecret(entry?.secret ?? NAMES.defaultSecretPrefix + connection, target.stage);
  if (options.clientAuth) return { connection, secretName, methods: [options.clientAuth] };
  if (entry) {
    const { clientAuth, grant, kmsAlgorithm } = entry;
    return { connection, secretName, methods: [clientAuth], grant, ...present({ kmsAlgorithm }) };
  }
  const { answer } = await onConnection(target, connection, () =>
    target.api('GET', pathOf('GET /connections/{connection}', { connection })),
  );
  const { vendor, grant_type, client_auth } = answer as ConnectionAnswer;
  if (client_auth) throw nothingStored(connection);
  const known = VENDORS[vendor]?.clientAuth ?? CLIENT_AUTH_METHODS;
  const methods = known.filter((method) => method !== 'aws_web_identity');
  return { connection, secretName, methods, grant: grant_type as GrantType };
}

function nothingStored(connection: string): Failure {
  return usage(
    `${connection} has no secret: AWS vouches for the broker (client_auth "aws_web_identity").`,
    'Nothing is to be stored. The server must know the roles of the broker; the operations guide says which.',
  );
}

async function fileEntry(target: Target, connection: string, path: string | undefined) {
  if (path === undefined) return undefined;
  const connections = await readConnectionsFile(path, { allowLoopbackHttp: target.isLocal });
  const entry = connections.get(connection);
  if (entry) return entry;
  throw usage(`${path} has no connection "${connection}"${didYouMean(connection, [...connections.keys()])}.`);
}
