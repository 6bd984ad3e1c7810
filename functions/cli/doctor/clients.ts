/** What would be a safer way for a connection to prove itself, where its server admits one: no more than advice. */
import {
  type ClientAuthMethod,
  type Connection,
  isAssertionGrant,
} from '../../../shared/connections/connection.ts';
import { KMS_KEYS, type KmsAlgorithm } from '../../../shared/connections/kms.ts';
import { VendorError } from '../../../shared/contract/errors.ts';
import { VENDORS } from '../../../shared/vendors/index.ts';
import type { Vendor } from '../../../shared/vendors/vendor.ts';
import { algorithmsTaken, methodsTaken, saferMethod } from '../connection-settings.ts';
import { metadataOf } from '../server-metadata.ts';
import { advice, type Check, type Finding, skipped } from './check.ts';

/** What a server takes. */
interface Admitted {
  readonly methods: readonly ClientAuthMethod[];
  /** Of client assertions, JWS. */
  readonly algorithms: readonly string[];
}

/** Of the connections of the file: what the broker lists does not say how they prove themselves. */
export const adviseClients: Check = async ({ file, listed, target: { isLocal } }) => {
  const entries = listed.flatMap(({ connection }) => file?.get(connection) ?? []);
  return (await Promise.all(entries.map((entry) => adviseClient(entry, isLocal)))).flat();
};

async function adviseClient(entry: Connection, isLocal: boolean): Promise<Finding[]> {
  const vendor = VENDORS[entry.vendor];
  if (vendor === undefined || entry.webIdentity || entry.kmsAlgorithm) return [];
  try {
    const admitted = await admittedBy(vendor, entry, isLocal);
    const found = admitted && safer(entry, admitted);
    return found ? [advice(`client of ${entry.name}`, ...found)] : [];
  } catch (error) {
    if (!(error instanceof VendorError)) throw error;
    return [skipped(`client of ${entry.name}`, `what its server takes is not known: ${error.message}`)];
  }
}

/** By its metadata, or as its description has it; `undefined` where nothing says. */
async function admittedBy(
  vendor: Vendor,
  entry: Connection,
  isLocal: boolean,
): Promise<Admitted | undefined> {
  const { issuer } = vendor.server(entry);
  if (issuer) {
    const metadata = await metadataOf(issuer, isLocal);
    return { methods: methodsTaken(metadata), algorithms: algorithmsTaken(metadata) };
  }
  const { assertionAlgorithms: algorithms } = vendor.dialect;
  if (algorithms === undefined) return undefined;
  const admits = (clientAuth: ClientAuthMethod) => !vendor.problems?.({ ...entry, clientAuth }).length;
  return { methods: vendor.clientAuth.filter(admits), algorithms };
}

/** What is, and what to do. */
function safer(
  { name, clientAuth, grant }: Connection,
  { methods, algorithms }: Admitted,
): [detail: string, fix: string] | undefined {
  const keygen = `token-broker secret keygen ${name}`;
  if (clientAuth === 'private_key_jwt' || isAssertionGrant(grant)) {
    const [usual] = KMS_ALGORITHMS.filter((algorithm) => algorithms.includes(algorithm));
    if (usual === undefined) return undefined;
    return [
      'signs by a private key, which the secret holds',
      `"signing": "kms", "signing_alg": "${usual}", by a key that never leaves KMS; then ${keygen} --kms`,
    ];
  }
  const method = saferMethod(clientAuth, methods);
  if (method === undefined) return undefined;
  const then = method === 'private_key_jwt' ? `; then ${keygen}` : '';
  return [
    `proves itself by ${clientAuth}, and the server takes ${method}`,
    `"client_auth": "${method}", for which the client must be registered${then}`,
  ];
}

const KMS_ALGORITHMS = Object.keys(KMS_KEYS) as KmsAlgorithm[];
