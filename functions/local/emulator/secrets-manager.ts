/**
 * The operations of Secrets Manager that the broker and its operator use, with AWS's rules for staging
 * labels, request tokens and deletion. Unlike the real one it is consistent at once.
 */
import type { AwsService } from './endpoint.ts';
import { AwsError, awsAnswer } from './errors.ts';
import { readInput } from './secret-input.ts';
import type { Operation } from './secret-store.ts';
import { deleteSecret, describeSecret, listSecrets, restoreSecret } from './secret-upkeep.ts';
import { createSecret, getSecretValue, putSecretValue, updateSecretVersionStage } from './secret-values.ts';
import { openSecretsFile } from './secrets-file.ts';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateSecret: createSecret,
  PutSecretValue: putSecretValue,
  GetSecretValue: getSecretValue,
  DescribeSecret: describeSecret,
  ListSecrets: listSecrets,
  DeleteSecret: deleteSecret,
  RestoreSecret: restoreSecret,
  UpdateSecretVersionStage: updateSecretVersionStage,
};

/**
 * `path`: the file of the secrets.
 * @throws DataDirectoryUnusable when the file is not what this wrote
 */
export async function secretsManagerService(path: string, now: () => number = Date.now): Promise<AwsService> {
  const file = await openSecretsFile(path);
  // One operation at a time, so that none reads what another is about to replace.
  let last: Promise<unknown> = Promise.resolve();
  return async ({ headers, body }) => {
    const name = headers['x-amz-target']?.split('.')[1] ?? '';
    const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
    if (!operation) throw unknownOperation(name);
    const input = readInput(body);
    const outcome = last.then(() => operation({ file, now: now() }, input));
    last = outcome.catch(() => undefined);
    return awsAnswer(200, await outcome);
  };
}

function unknownOperation(name: string): AwsError {
  const offered = Object.keys(OPERATIONS).join(', ');
  return new AwsError(
    'UnknownOperationException',
    `${name} is not an operation of the local Secrets Manager; it offers ${offered}`,
  );
}
