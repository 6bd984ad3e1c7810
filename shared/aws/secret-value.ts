/** Reading one secret, with the outcomes that matter told apart. */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { SecretStage, SecretVersion } from '../broker/ports.ts';
import { Redacted } from '../contract/redacted.ts';
import { errorName, type SecretsManager, within } from './clients.ts';

/** Why there is no value; all but `unavailable` stay so until somebody acts. */
export type NoSecret =
  | 'missing'
  | 'no_value'
  | 'deleted'
  | 'binary'
  | 'access_denied'
  | 'decryption_failed'
  | 'unavailable';

export type SecretReading =
  | { readonly found: true; readonly version: SecretVersion }
  | { readonly found: false; readonly reason: NoSecret; readonly error: string };

export async function readSecret(
  manager: SecretsManager,
  name: string,
  stage: SecretStage = 'AWSCURRENT',
): Promise<SecretReading> {
  const command = new GetSecretValueCommand({ SecretId: name, VersionStage: stage });
  try {
    const answer = await within(manager.timeout, (abortSignal) =>
      manager.client.send(command, { abortSignal }),
    );
    if (answer.SecretString === undefined) return { found: false, reason: 'binary', error: 'SecretBinary' };
    const value = new Redacted(answer.SecretString);
    return { found: true, version: { versionId: answer.VersionId ?? '', value } };
  } catch (error) {
    return { found: false, reason: reasonOf(error), error: errorName(error) };
  }
}

function reasonOf(error: unknown): NoSecret {
  if (!(error instanceof Error)) return 'unavailable';
  switch (error.name) {
    // A secret without a value, or without this stage, has the same error as no secret; only the text differs.
    case 'ResourceNotFoundException':
      return /staging label|secret value/i.test(error.message) ? 'no_value' : 'missing';
    case 'InvalidRequestException':
      return 'deleted';
    case 'AccessDeniedException':
      return 'access_denied';
    case 'DecryptionFailure':
      return 'decryption_failed';
    default:
      return 'unavailable';
  }
}
