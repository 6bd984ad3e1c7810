import { isAssertionGrant } from '../../shared/connections/connection.ts';
import { isObject } from '../../shared/contract/json.ts';
import { AwsRefusal } from './aws.ts';
import { type ClientSettings, type SecretOptions, settingsOf } from './client-settings.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { ask } from './prompts.ts';
import {
  type KeyChoice,
  type Members,
  newKey,
  promoted,
  withNextKey,
  withoutKeyMembers,
} from './secret-keys.ts';
import { kmsKeysOf, type PublicHalf, signingKeyOf } from './secret-kms.ts';
import { readSecret, writeSecret } from './secrets-manager.ts';
import { findTargetToChange, type Target, type TargetOptions } from './target.ts';
import { isInteractive, print, tell } from './terminal.ts';

interface KeygenOptions extends TargetOptions, SecretOptions, KeyChoice {
  readonly clientId?: string;
  readonly kms?: boolean;
  readonly jwk?: boolean;
  readonly replace?: boolean;
  readonly next?: boolean;
  readonly promote?: boolean;
}

/** The private key exists in this process and in Secrets Manager only: never in a file, never on the screen. */
export async function keygenAction(connection: string, options: KeygenOptions): Promise<void> {
  const target = await findTargetToChange(options);
  const settings = await settingsOf(target, connection, options);
  const { secretName, methods, grant } = settings;
  if (!methods.includes('private_key_jwt') && !(grant && isAssertionGrant(grant))) {
    throw usage(`${connection} proves itself by ${methods.join(' or ')}: it has no use for a key.`);
  }
  const stored = await current(secretName, () => readSecret(target.aws, secretName));
  if (options.next || options.promote) {
    if (options.kms || kmsKeysOf(stored, settings.kmsAlgorithm)) throw notInKms(connection);
    return options.promote ? promote(target, settings, stored) : addNext(target, settings, stored, options);
  }
  const before = withoutKeyMembers(stored);
  if (options.kms || settings.kmsAlgorithm) return keepInKms(target, settings, before, options);
  if ('private_key' in before && !options.replace) throw keyInUse(secretName, connection);
  const client_id = options.clientId ?? before.client_id ?? (await askClientId());
  const { private_key, ...half } = newKey(options);
  const keyId = options.keyId && { key_id: options.keyId };
  // What else the secret holds may still be in use while a connection changes over to a key.
  await writeSecret(target, secretName, { ...before, client_id, private_key, ...keyId });
  tell(`The private key is in ${secretName}. Give this public key to the vendor:`);
  showPublicKey(half, options);
}

async function addNext(
  target: Target,
  { connection, secretName }: ClientSettings,
  stored: Members,
  options: KeygenOptions,
): Promise<void> {
  if ('next_private_key' in stored && !options.replace)
    throw new Failure(
      EXIT.failed,
      `${secretName} holds a next key already, which the vendor may know.`,
      `token-broker secret keygen ${connection} --promote   (or --next --replace, for another)`,
    );
  const next = await withNextKey(stored, options);
  if ('problem' in next)
    throw new Failure(
      EXIT.failed,
      `${secretName} has no key that another could follow: private_key ${next.problem}.`,
      `token-broker secret keygen ${connection}`,
    );
  await writeSecret(target, secretName, next.members);
  tell(`The next key is in ${secretName}, beside the one that signs. Give this public half to the vendor, beside the
other; one that fetches them ("serve_jwks") finds it within minutes. Once the vendor knows it, after ten minutes at the
earliest: token-broker secret keygen ${connection} --promote`);
  showPublicKey(next.half, options);
}

async function promote(
  target: Target,
  { connection, secretName }: ClientSettings,
  stored: Members,
): Promise<void> {
  const members = promoted(stored);
  if (members === undefined)
    throw new Failure(
      EXIT.failed,
      `${secretName} holds no next key.`,
      `token-broker secret keygen ${connection} --next`,
    );
  await writeSecret(target, secretName, members);
  tell(`The next key signs within 5 minutes. The one before is fallen back to, and listed, until ${secretName}
changes again; ten minutes from now the vendor may forget it.`);
}

function notInKms(connection: string): Failure {
  return usage(
    `${connection} signs by a key in KMS, which has no next one beside it.`,
    'Deploy another signing_alg, run keygen --kms, and give the vendor the new public half.',
  );
}

async function keepInKms(
  target: Target,
  { connection, secretName, kmsAlgorithm }: ClientSettings,
  before: Members,
  options: KeygenOptions,
): Promise<void> {
  const client_id = options.clientId ?? before.client_id ?? (await askClientId());
  const known = typeof before.kms_key_id === 'string' && !options.replace ? before.kms_key_id : undefined;
  const { id, ...half } = await signingKeyOf(
    target,
    connection,
    kmsAlgorithm ?? options.alg ?? 'RS256',
    known,
  );
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
