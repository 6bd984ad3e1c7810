import { createPrivateKey } from 'node:crypto';
import { KMS_KEYS, type KmsAlgorithm } from '../../../shared/connections/kms.ts';
import { BrokerError } from '../../../shared/contract/errors.ts';
import { isObject } from '../../../shared/contract/json.ts';
import { NAMES } from '../../../shared/contract/names.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { stagedSecret } from '../../../shared/contract/stage.ts';
import { parseClient } from '../../../shared/oauth/client-secret.ts';
import { VENDORS } from '../../../shared/vendors/index.ts';
import { type Aws, AwsRefusal, callJson } from '../aws.ts';
import type { Listed } from '../connection-list.ts';
import { kmsKeysOf } from '../secret-kms.ts';
import { methodOf } from '../secret-put.ts';
import { readSecret } from '../secrets-manager.ts';
import { type Check, type CheckContext, type Finding, ok, problem, skipped } from './check.ts';

/** Each secret's presence and shape; of keys, their type and size. */
export const checkSecrets: Check = async (context) => {
  return Promise.all(context.listed.map((each) => checkSecret(context, each)));
};

async function checkSecret(
  { target, file }: CheckContext,
  { connection, vendor = '', client_auth }: Listed,
): Promise<Finding> {
  const check = `secret of ${connection}`;
  const entry = file?.get(connection);
  if (client_auth ?? entry?.webIdentity) return ok(check, 'no secret: AWS vouches for the broker');
  const name = stagedSecret(entry?.secret ?? NAMES.defaultSecretPrefix + connection, target.stage);
  const put = `token-broker secret put ${connection}`;
  try {
    const text = await readSecret(target.aws, name);
    if (text === undefined) {
      const hint = file ? '' : '   (or, if the connection names another secret: doctor --connections FILE)';
      return problem(check, `${name} does not exist, or has no value yet`, put + hint);
    }
    const value = parse(text);
    const methods = entry
      ? [entry.clientAuth]
      : (VENDORS[vendor]?.clientAuth ?? ['client_secret_post' as const]);
    const method = methodOf(value, methods);
    const kms = kmsKeysOf(value, entry?.kmsAlgorithm);
    await parseClient(new Redacted(text), method, name, entry?.grant, { kms });
    if (kms) return await checkKmsKey(check, target.aws, String(value.kms_key_id), kms.algorithm);
    return ok(check, `${name}: fits ${method}${keyDetail(value, method)}`);
  } catch (error) {
    if (error instanceof BrokerError) return problem(check, error.message, put);
    if (!(error instanceof AwsRefusal)) throw error;
    if (error.type === 'NotFoundException')
      return problem(
        check,
        `${name} names a KMS key that does not exist: ${error.message}`,
        `token-broker secret keygen ${connection} --kms`,
      );
    return skipped(check, `you may not read ${name} (${error.type}); the broker may all the same`);
  }
}

/** Described, not used: whether the broker may sign with it, a token shows. */
async function checkKmsKey(check: string, aws: Aws, key: string, algorithm: KmsAlgorithm): Promise<Finding> {
  const { KeyMetadata } = await callJson(aws, 'kms', 'DescribeKey', { KeyId: key });
  const {
    KeyState,
    KeySpec,
    SigningAlgorithms = [],
  } = KeyMetadata as Record<string, string> & {
    SigningAlgorithms?: string[];
  };
  if (KeyState !== 'Enabled')
    return problem(check, `the KMS key ${key} is ${KeyState}`, `aws kms enable-key --key-id ${key}`);
  if (!SigningAlgorithms.includes(KMS_KEYS[algorithm].signingAlgorithm))
    return problem(
      check,
      `the KMS key ${key}, ${KeySpec}, does not sign by ${algorithm}`,
      'Mend signing_alg of the connection, or deploy it.',
    );
  return ok(check, `KMS has the key, ${KeySpec}: nobody can take it`);
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    // parseClient says it with the secret's name.
    return {};
  }
}

function keyDetail({ private_key }: Record<string, unknown>, method: string): string {
  if (method !== 'private_key_jwt') return '';
  const key =
    typeof private_key === 'string' && !private_key.trimStart().startsWith('{')
      ? createPrivateKey(private_key)
      : createPrivateKey({
          key: isObject(private_key) ? private_key : JSON.parse(String(private_key)),
          format: 'jwk',
        });
  return `, ${key.asymmetricKeyType?.toUpperCase()} ${key.asymmetricKeyDetails?.modulusLength} bits`;
}

/** Described, not read: nobody but the broker needs to see it. */
export const checkKeyring: Check = async ({ target }) => {
  const check = 'sealing keyring';
  const name = target.stage + NAMES.keyringSecret;
  try {
    const { DeletedDate, VersionIdsToStages } = await callJson(
      target.aws,
      'secretsmanager',
      'DescribeSecret',
      {
        SecretId: name,
      },
    );
    if (DeletedDate)
      return [
        problem(
          check,
          `${name} is scheduled for deletion`,
          `aws secretsmanager restore-secret --secret-id ${name}`,
        ),
      ];
    const stages = Object.values((VersionIdsToStages ?? {}) as Record<string, string[]>).flat();
    if (stages.includes('AWSCURRENT')) return [ok(check, `${name} has a value`)];
    return [problem(check, `${name} has no value`, 'Restore its last version, or deploy the stack again.')];
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    if (error.type === 'ResourceNotFoundException') {
      return [problem(check, `${name} does not exist`, 'Deploy the stack, or check --stack and --region.')];
    }
    return [skipped(check, `you may not describe ${name} (${error.type})`)];
  }
};
