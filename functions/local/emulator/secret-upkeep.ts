/** The operations on a secret as a whole. */
import { AwsError } from './errors.ts';
import {
  existing,
  find,
  markedForDeletion,
  named,
  notFound,
  type Operation,
  seconds,
} from './secret-store.ts';
import type { SecretRecord } from './secrets-file.ts';

const DAY = 86_400_000;

export const describeSecret: Operation = async (store, input) => description(existing(store, input));

export const listSecrets: Operation = async (store, input) => {
  const wanted = input.nameFilter();
  const deleted = input.flag('IncludePlannedDeletion');
  const all = [...store.file.read().keys()].sort().flatMap((name) => find(store, name) ?? []);
  const matching = all.filter((secret) => (deleted || !secret.deletion) && wanted(secret.name));
  const start = input.integer('NextToken', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const end = start + (input.integer('MaxResults', 1, 100) ?? 100);
  return {
    SecretList: matching.slice(start, end).map((secret) => {
      const { VersionIdsToStages, ...listed } = description(secret);
      return { ...listed, SecretVersionsToStages: VersionIdsToStages };
    }),
    ...(end < matching.length ? { NextToken: String(end) } : {}),
  };
};

export const deleteSecret: Operation = async (store, input) => {
  const force = input.flag('ForceDeleteWithoutRecovery');
  const days = input.integer('RecoveryWindowInDays', 7, 30);
  if (force && days !== undefined) {
    throw new AwsError(
      'InvalidParameterException',
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  }
  const secret = find(store, input.secretId());
  if (!secret && force) return { Name: input.secretId(), DeletionDate: seconds(store.now) };
  if (!secret) throw notFound("Secrets Manager can't find the specified secret.");
  if (secret.deletion && !force) throw markedForDeletion();
  const purgeAt = store.now + (force ? 0 : (days ?? 30) * DAY);
  const deletion = { requestedAt: store.now, purgeAt };
  await store.file.write(secret.name, force ? undefined : { ...secret, deletion });
  return { ...named(secret), DeletionDate: seconds(purgeAt) };
};

export const restoreSecret: Operation = async (store, input) => {
  const { deletion: _, ...restored } = existing(store, input);
  await store.file.write(restored.name, restored);
  return named(restored);
};

function description(secret: SecretRecord) {
  const staged = Object.entries(secret.versions).filter(([, { stages }]) => stages.length > 0);
  return {
    ...named(secret),
    ...(secret.description === undefined ? {} : { Description: secret.description }),
    ...(secret.kmsKeyId === undefined ? {} : { KmsKeyId: secret.kmsKeyId }),
    CreatedDate: seconds(secret.createdAt),
    LastChangedDate: seconds(secret.changedAt),
    ...(secret.deletion ? { DeletedDate: seconds(secret.deletion.requestedAt) } : {}),
    Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
    VersionIdsToStages: Object.fromEntries(staged.map(([id, { stages }]) => [id, stages])),
  };
}
