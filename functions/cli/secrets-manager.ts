import { type Aws, AwsRefusal, callJson } from './aws.ts';
import { EXIT, Failure } from './failure.ts';
import type { Target } from './target.ts';

/** `undefined` where there is no such secret, or it has no value yet. @throws Failure, AwsRefusal */
export async function readSecret(aws: Aws, name: string): Promise<string | undefined> {
  try {
    const { SecretString } = await callJson(aws, 'secretsmanager', 'GetSecretValue', { SecretId: name });
    return typeof SecretString === 'string' ? SecretString : undefined;
  } catch (error) {
    if (error instanceof AwsRefusal && error.type === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/**
 * Writes a new version. The stack makes a deployed broker's secrets; a local one's are made here.
 * @returns whether the secret was made
 * @throws Failure
 */
export async function writeSecret({ aws, isLocal }: Target, name: string, value: object): Promise<boolean> {
  const SecretString = JSON.stringify(value);
  try {
    await callJson(aws, 'secretsmanager', 'PutSecretValue', { SecretId: name, SecretString });
    return false;
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    if (error.type !== 'ResourceNotFoundException') throw refused(error, name);
    if (!isLocal) {
      throw new Failure(
        EXIT.failed,
        `There is no secret ${name} in ${aws.region}: the stack makes it when it is deployed with the connection.`,
        'Check --region and --stack, or deploy first; --secret names another.',
      );
    }
    await callJson(aws, 'secretsmanager', 'CreateSecret', { Name: name, SecretString });
    return true;
  }
}

function refused(error: AwsRefusal, name: string): Failure {
  return new Failure(
    EXIT.denied,
    `The secret ${name} could not be written: ${error.message}`,
    'It takes secretsmanager:PutSecretValue on it, and kms:GenerateDataKey and kms:Decrypt on its key.',
  );
}
