import { generateKeyPairSync } from 'node:crypto';
import { isAssertionGrant } from '../../shared/connections/connection.ts';
import { isObject } from '../../shared/contract/json.ts';
import { AwsRefusal } from './aws.ts';
import { type ClientSettings, type SecretOptions, settingsOf } from './client-settings.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { ask } from './prompts.ts';
import { type PublicHalf, signingKeyOf } from './secret-kms.ts';
import { readSecret, writeSecret } from './secrets-manager.ts';
import { findTargetToChange, type Target, type TargetOptions } from './target.ts';
import { isInteractive, print, tell } from './terminal.ts';

interface KeygenOptions extends TargetOptions, SecretOptions {
  readonly clientId?: string;
  readonly keyId?: string;
  readonly alg: keyof typeof KEY_TYPES;
  readonly bits: string;
  readonly kms?: boolean;
  readonly jwk?: boolean;
  readonly replace?: boolean;
}

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });

/** Keys by the algorithm that they are to sign by, of the size in bits where there is a choice. */
export const KEY_TYPES = {
  RS256: rsa,
  PS256: rsa,
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
} as const;

/** The private key exists in this process and in Secrets Manager only: never in a file, never on the screen. */
export async function keygenAction(connection: string, options: KeygenOptions): Promise<void> {
  const target = await findTargetToChange(options);
  const settings = await settingsOf(target, connection, options);
  const { secretName, methods, grant } = settings;
  if (!methods.includes('private_key_jwt') && !(grant && isAssertionGrant(grant))) {
    throw usage(`${connection} proves itself by ${methods.join(' or ')}: it has no use for a key.`);
  }
  const { key_id: _, ...before } = await current(secretName, () => readSecret(target.aws, secretName));
  if (options.kms || settings.kmsAlgorithm) return keepInKms(target, settings, before, options);
  if ('private_key' in before && !options.replace) throw keyInUse(secretName, connection);
  const client_id = options.clientId ?? before.client_id ?? (await askClientId());
  const { publicKey, privateKey } = KEY_TYPES[options.alg](Number(options.bits));
  // A PEM of an RSA key does not say which of its algorithms the client is registered for; a JWK does.
  const private_key =
    options.alg === 'PS256'
      ? { ...privateKey.export({ format: 'jwk' }), alg: options.alg }
      : privateKey.export({ type: 'pkcs8', format: 'pem' });
  const keyId = options.keyId && { key_id: options.keyId };
  // What else the secret holds may still be in use while a connection changes over to a key.
  await writeSecret(target, secretName, { ...before, client_id, private_key, ...keyId });
  tell(`The private key is in ${secretName}. Give this public key to the vendor:`);
  showPublicKey({ publicKey, alg: options.alg }, options);
}

async function keepInKms(
  target: Target,
  { connection, secretName, kmsAlgorithm }: ClientSettings,
  before: Record<string, unknown>,
  options: KeygenOptions,
): Promise<void> {
  const client_id = options.clientId ?? before.client_id ?? (await askClientId());
  const known = typeof before.kms_key_id === 'string' && !options.replace ? before.kms_key_id : undefined;
  const { id, ...half } = await signingKeyOf(target, connection, kmsAlgorithm ?? options.alg, known);
  const keyId = options.keyId && { key_id: options.keyId };
  await writeSecret(target, secretName, { ...before, client_id, kms_key_id: id, ...keyId });
  tell(
    `The private key is in KMS, and stays there; ${secretName} names it. Give this public key to the vendor:`,
  );
  showPublicKey(half, options);
  tell(options.jwk ? 'or, as PEM:' : 'or, as JWK:');
  tell(publicText(half, { ...options, jwk: !options.jwk }));
}

function keyInUse(secretName: string, connection: string): Failure {
  return new Failure(
    EXIT.failed,
    `${secretName} holds a private key already: a new one works only once the vendor knows its public half.`,
    `token-broker secret keygen ${connection} --replace   (the broker falls back to the old key meanwhile)`,
  );
}

function showPublicKey(half: PublicHalf, options: KeygenOptions): void {
  print(publicText(half, options));
}

function publicText({ publicKey, alg }: PublicHalf, { jwk, keyId }: KeygenOptions): string {
  if (!jwk) return publicKey.export({ type: 'spki', format: 'pem' }).toString().trimEnd();
  const kid = keyId && { kid: keyId };
  return JSON.stringify({ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg, ...kid }, null, 2);
}

/** What the secret holds now; nothing where it has no value that can be read as one. */
async function current(
  name: string,
  read: () => Promise<string | undefined>,
): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse((await read()) ?? '{}');
    return isObject(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    if (!(error instanceof AwsRefusal)) throw error;
    throw new Failure(
      EXIT.denied,
      `Whether ${name} holds a key already cannot be read: ${error.message}`,
      'It takes secretsmanager:GetSecretValue on it.',
    );
  }
}

async function askClientId(): Promise<string> {
  if (isInteractive()) return ask('client_id');
  throw usage('The secret has no client_id yet.', 'Name it: --client-id ID');
}
