import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { type ClientAuthMethod, type GrantType, isAssertionGrant } from '../connections/connection.ts';
import type { KmsAlgorithm } from '../connections/kms.ts';
import { BrokerError } from '../contract/errors.ts';
import { isObject } from '../contract/json.ts';
import { present } from '../contract/present.ts';
import { Redacted } from '../contract/redacted.ts';
import { sha256Base64url } from '../contract/sha256.ts';
import type { Budget } from './exchange.ts';
import { type ImportedKey, importPrivateKey } from './private-key.ts';
import { type PublicJwk, publicJwk, thumbprintOf } from './public-key.ts';
import type { Client } from './types.ts';

/** Members that a secret must have for each way of authenticating, as messages show them. */
const SHAPES: Readonly<Record<ClientAuthMethod, string>> = {
  client_secret_post: '{"client_id", "client_secret"}',
  client_secret_basic: '{"client_id", "client_secret"}',
  client_secret_basic_raw: '{"client_id", "client_secret"}',
  private_key_jwt: '{"client_id", "private_key", "key_id"?, "certificate"?}',
  client_secret_jwt: '{"client_id", "client_secret"}',
  // Nothing is stored: never shown.
  aws_web_identity: '{"client_id"}',
  none: '{"client_id"}',
};

const KMS_SHAPE = '{"client_id", "kms_key_id", "key_id"?}';

/** What signs in place of a private key in the secret. */
export interface KmsKeys {
  readonly algorithm: KmsAlgorithm;
  /** @param keyId id or ARN, as the secret names it @returns the signature as JWS has it @throws BrokerError `secret_unavailable` */
  sign(keyId: string, algorithm: KmsAlgorithm, data: Uint8Array, budget: Budget): Promise<Uint8Array>;
}

/** How the key of a secret is used. */
export interface KeyUse {
  /** Where it is in KMS. */
  readonly kms?: KmsKeys | undefined;
  /** Assertions name their key also where the secret does not, because the server is shown several. */
  readonly named?: boolean;
}

// A line break at the end is the usual mistake of pasting, and no vendor can have issued one.
const CONTROL_CHARACTERS = /\p{Cc}/u;
const PEM_LINES = /[^\P{Cc}\r\n]/u;

/**
 * Reads the value of a client's secret. Members that the method does not need are ignored, so that a
 * secret can hold the old and the new credential while a connection changes from one to the other.
 * @param secretName for messages
 * @param grant one that is an assertion needs a key as well
 * @throws BrokerError `secret_unavailable` naming the member and what is allowed, never the value
 */
export async function parseClient(
  value: Redacted,
  method: ClientAuthMethod,
  secretName: string,
  grant: GrantType = 'client_credentials',
  use: KeyUse = {},
): Promise<Client> {
  const signs = isAssertionGrant(grant);
  const read = new SecretReader(
    value,
    signs && method === 'none' ? 'private_key_jwt' : method,
    secretName,
    use.kms,
  );
  const client = await readClient(read, method, use);
  return signs && !client.signingKeys ? { ...client, ...(await read.signingKey(use)) } : client;
}

/**
 * The public halves of a secret's keys: of the one that signs, and of the next one, where that is readable.
 * @param kms where the key is in KMS, which has no next one
 * @throws BrokerError `secret_unavailable`
 */
export async function publicKeysOf(
  value: Redacted,
  secretName: string,
  kms?: { readonly algorithm: KmsAlgorithm; publicKey(keyId: string): Promise<KeyObject> },
): Promise<PublicJwk[]> {
  const read = new SecretReader(value, 'private_key_jwt', secretName, kms);
  if (kms) {
    const { key, keyId } = read.kmsKey();
    return [publicJwk(await kms.publicKey(key), [kms.algorithm], keyId)];
  }
  const next = await read.privateKey('next_').catch(() => undefined);
  return [await read.privateKey(), ...(next ? [next] : [])].map(({ publicKey, keys, keyId }) =>
    publicJwk(publicKey, [...keys.keys()], keyId),
  );
}

async function readClient(read: SecretReader, method: ClientAuthMethod, use: KeyUse): Promise<Client> {
  const clientId = read.text('client_id');
  switch (method) {
    case 'none':
      return { clientId };
    case 'private_key_jwt':
      return { clientId, ...(await read.signingKey(use)) };
    case 'client_secret_basic_raw':
      if (clientId.includes(':')) throw read.problem('client_id holds ":", which HTTP Basic ends it with');
      return { clientId, clientSecret: new Redacted(read.text('client_secret')) };
    default:
      return { clientId, clientSecret: new Redacted(read.text('client_secret')) };
  }
}

/** The members of one secret, with errors that name it. */
class SecretReader {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #method: ClientAuthMethod;
  readonly #secretName: string;
  readonly #kms: object | undefined;

  constructor(value: Redacted, method: ClientAuthMethod, secretName: string, kms: object | undefined) {
    this.#method = method;
    this.#secretName = secretName;
    this.#kms = kms;
    this.#members = this.#parse(value);
  }

  text(name: string, forbidden = CONTROL_CHARACTERS): string {
    const value = this.#members[name];
    if (value === undefined) throw this.problem(`${name} is missing`);
    if (typeof value !== 'string') throw this.problem(`${name} must be a string, and is ${kindOf(value)}`);
    if (value === '') throw this.problem(`${name} is empty`);
    if (forbidden.test(value)) {
      throw this.problem(`${name} holds a line break or another control character`);
    }
    return value;
  }

  async signingKey({ kms, named = false }: KeyUse): Promise<Omit<Client, 'clientId'>> {
    if (kms) {
      const { algorithm, sign } = kms;
      const { key, keyId, given } = this.kmsKey();
      return {
        signingKeys: new Map([[algorithm, (data, budget) => sign(key, algorithm, data, budget)]]),
        ...present({ keyId: named ? keyId : given }),
      };
    }
    const { keys: signingKeys, keyId: given, publicKey } = await this.privateKey();
    const keyId = given ?? (named ? thumbprintOf(publicKey) : undefined);
    const certificateThumbprint =
      this.#members.certificate === undefined ? undefined : this.#thumbprint(publicKey);
    return { signingKeys, ...present({ keyId, certificateThumbprint }) };
  }

  /** `keyId`: a name that whoever signs can tell without asking KMS, and that tells nobody the account. */
  kmsKey(): { readonly key: string; readonly keyId: string; readonly given: string | undefined } {
    const key = this.text('kms_key_id');
    const given = this.#keyId('key_id');
    return { key, keyId: given ?? sha256Base64url(key), given };
  }

  async privateKey(prefix: '' | 'next_' = ''): Promise<ImportedKey> {
    const name = `${prefix}private_key`;
    const value = this.#members[name];
    if (value === undefined) throw this.problem(`${name} is missing`);
    const imported = await importPrivateKey(value);
    if ('problem' in imported) throw this.problem(`${name} ${imported.problem}`);
    return { ...imported, keyId: this.#keyId(`${prefix}key_id`) ?? imported.keyId };
  }

  #keyId(name: string): string | undefined {
    return this.#members[name] === undefined ? undefined : this.text(name);
  }

  /** What Entra and others know a key by (RFC 7515 §4.1.8). */
  #thumbprint(publicKey: KeyObject): string {
    const certificate = asCertificate(this.text('certificate', PEM_LINES));
    if (certificate === undefined) throw this.problem('certificate is no X.509 certificate in PEM');
    if (!certificate.publicKey.equals(publicKey)) throw this.problem('certificate is not of private_key');
    return createHash('sha256').update(certificate.raw).digest('base64url');
  }

  problem(what: string): BrokerError {
    const [by, shape] = this.#kms ? [' by KMS', KMS_SHAPE] : ['', SHAPES[this.#method]];
    return new BrokerError(
      'secret_unavailable',
      `The secret ${this.#secretName} is malformed: ${what}. For ${this.#method}${by} it must be JSON ${shape}.`,
    );
  }

  #parse(value: Redacted): Readonly<Record<string, unknown>> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(value.reveal());
    } catch {
      // The parser's own message quotes the text.
      throw this.problem(value.reveal().trim() === '' ? 'it is empty' : 'it is not JSON');
    }
    if (!isObject(parsed)) throw this.problem(`it is ${kindOf(parsed)}, not an object`);
    return parsed;
  }
}

function asCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
