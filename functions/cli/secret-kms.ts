/** Keys in KMS: the secret says which, and nobody, the broker included, ever has the private half. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { DEFAULT_KMS_ALGORITHM, KMS_KEYS, type KmsAlgorithm } from '../../shared/connections/kms.ts';
import { signingKeyAlias } from '../../shared/contract/stage.ts';
import type { KmsKeys } from '../../shared/oauth/client-secret.ts';
import { type Aws, AwsRefusal, callJson } from './aws.ts';
import { EXIT, Failure, usage } from './failure.ts';
import type { Target } from './target.ts';

/** What the vendor gets. */
export interface PublicHalf {
  readonly publicKey: KeyObject;
  /** JWS algorithm. */
  readonly alg: string;
}

/** For looking at a secret that names a key: whether it is one to sign with is all that is asked. */
export function kmsKeysOf(value: object, algorithm: KmsAlgorithm | undefined): KmsKeys | undefined {
  const namesOne = 'kms_key_id' in value && !('private_key' in value);
  if (algorithm === undefined && !namesOne) return undefined;
  const sign = () => Promise.reject(new Error('Secrets are only looked at here.'));
  return { algorithm: algorithm ?? DEFAULT_KMS_ALGORITHM, sign };
}

/**
 * The key that the stack has made for the connection; a local broker's is made here.
 * @param known the key that the secret names already
 * @throws Failure
 */
export async function signingKeyOf(
  { aws, isLocal, stage }: Target,
  connection: string,
  algorithm: string,
  known: string | undefined,
): Promise<PublicHalf & { readonly id: string }> {
  const alias = signingKeyAlias(stage, connection);
  const key = isLocal ? (known ?? (await makeKey(aws, algorithm))) : alias;
  try {
    const { KeyId, PublicKey, SigningAlgorithms } = await callJson(aws, 'kms', 'GetPublicKey', {
      KeyId: key,
    });
    const publicKey = createPublicKey({
      key: Buffer.from(String(PublicKey), 'base64'),
      format: 'der',
      type: 'spki',
    });
    return { id: String(KeyId), publicKey, alg: algorithmOf(SigningAlgorithms as string[], algorithm) };
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    throw refused(error, key);
  }
}

async function makeKey(aws: Aws, algorithm: string): Promise<string> {
  if (!Object.hasOwn(KMS_KEYS, algorithm))
    throw usage(`KMS does not sign by ${algorithm} here.`, `--alg ${Object.keys(KMS_KEYS).join('|')}`);
  const { keySpec: KeySpec } = KMS_KEYS[algorithm as KmsAlgorithm];
  const { KeyMetadata } = await callJson(aws, 'kms', 'CreateKey', { KeySpec, KeyUsage: 'SIGN_VERIFY' });
  return String((KeyMetadata as { Arn?: string }).Arn);
}

/** What was asked for, where the key can; else what it can. */
function algorithmOf(able: readonly string[], asked: string): string {
  const names = Object.keys(KMS_KEYS) as KmsAlgorithm[];
  const known = names.filter((name) => able.includes(KMS_KEYS[name].signingAlgorithm));
  return known.find((name) => name === asked) ?? known[0] ?? asked;
}

function refused(error: AwsRefusal, key: string): Failure {
  if (error.type !== 'NotFoundException')
    return new Failure(
      EXIT.denied,
      `The KMS key ${key} could not be read: ${error.message}`,
      'It takes kms:GetPublicKey on it.',
    );
  return new Failure(
    EXIT.failed,
    `There is no KMS key ${key}: the stack makes it when it is deployed with the connection and "signing": "kms".`,
    'Check --region and --stack, or deploy first.',
  );
}
