/** What every operation of the local Secrets Manager works with: finding secrets, and saying what is wrong. */
import { AwsError } from './errors.ts';
import type { Input } from './secret-input.ts';
import type { SecretRecord, SecretsFile } from './secrets-file.ts';

export interface Store {
  readonly file: SecretsFile;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Resolves to the members of the answer. @throws AwsError */
export type Operation = (store: Store, input: Input) => Promise<object>;

export const ARN_PREFIX = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:';

/** By name, ARN, or ARN without its random suffix; what is past its recovery window is gone. */
export function find({ file, now }: Store, secretId: string): SecretRecord | undefined {
  const secrets = file.read();
  const name = secretId.startsWith(ARN_PREFIX) ? secretId.slice(ARN_PREFIX.length) : secretId;
  const secret =
    secrets.get(name) ?? [...secrets.values()].find(({ arn }) => arn === secretId && secretId !== name);
  return secret?.deletion && secret.deletion.purgeAt <= now ? undefined : secret;
}

/** @throws AwsError `ResourceNotFoundException` */
export function existing(store: Store, input: Input): SecretRecord {
  const secret = find(store, input.secretId());
  if (!secret) throw notFound("Secrets Manager can't find the specified secret.");
  return secret;
}

/** The same, but not while it is scheduled for deletion. @throws AwsError `InvalidRequestException` */
export function usable(store: Store, input: Input): SecretRecord {
  const secret = existing(store, input);
  if (secret.deletion) throw markedForDeletion();
  return secret;
}

export function named({ arn, name }: SecretRecord): { ARN: string; Name: string } {
  return { ARN: arn, Name: name };
}

/** The protocol's timestamps are seconds since the epoch. */
export function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}

export function invalidRequest(message: string): AwsError {
  return new AwsError('InvalidRequestException', message);
}

export function markedForDeletion(): AwsError {
  return invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}

export function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}
