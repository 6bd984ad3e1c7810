/**
 * The operations of Secrets Manager that the broker and its operator use, with AWS's rules for staging
 * labels, request tokens and deletion. Unlike the real one it is consistent at once.
 */
import { randomUUID } from 'node:crypto';
import type { AwsService } from './endpoint.ts';
import { AwsError, awsAnswer } from './errors.ts';
import { type Input, readInput } from './secret-input.ts';
import { addVersion, CURRENT, moveStage, versionOf } from './secret-versions.ts';
import { openSecretsFile, type SecretRecord, type SecretsFile } from './secrets-file.ts';

const DAY = 86_400_000;
const ARN_PREFIX = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:';

interface Store {
  readonly file: SecretsFile;
  readonly now: number;
}
type Operation = (store: Store, input: Input) => Promise<object>;

/**
 * `path`: the file of the secrets.
 * @throws Error when the file is not readable as what this wrote
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

const createSecret: Operation = async (store, input) => {
  const name = input.name();
  const versionId = input.requestToken() ?? randomUUID();
  const value = input.value();
  const existing = find(store, name);
  if (existing?.deletion) {
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  if (existing) {
    const repeated = value && existing.versions[versionId];
    if (repeated && JSON.stringify(repeated.value) === JSON.stringify(value)) {
      return { ...named(existing), VersionId: versionId };
    }
    throw new AwsError(
      'ResourceExistsException',
      `The operation failed because the secret ${name} already exists.`,
    );
  }
  const created: SecretRecord = {
    name,
    arn: `${ARN_PREFIX}${name}-${randomUUID().slice(0, 6)}`,
    ...input.attributes(),
    tags: input.tags() ?? {},
    createdAt: store.now,
    changedAt: store.now,
    versions: {},
  };
  const secret = value ? addVersion(created, versionId, value, [CURRENT], store.now) : created;
  await store.file.write(name, secret);
  return { ...named(secret), ...(value ? { VersionId: versionId } : {}) };
};

const putSecretValue: Operation = async (store, input) => {
  const secret = usable(store, input);
  const versionId = input.requestToken() ?? randomUUID();
  const value = input.value();
  if (!value) throw invalidRequest('You must provide either SecretString or SecretBinary.');
  const next = addVersion(secret, versionId, value, input.stages() ?? [CURRENT], store.now);
  await store.file.write(next.name, next);
  return { ...named(next), VersionId: versionId, VersionStages: next.versions[versionId]!.stages };
};

const updateSecret: Operation = async (store, input) => {
  const secret = usable(store, input);
  const versionId = input.requestToken() ?? randomUUID();
  const value = input.value();
  const described = { ...secret, ...input.attributes(), changedAt: store.now };
  const next = value ? addVersion(described, versionId, value, [CURRENT], store.now) : described;
  await store.file.write(next.name, next);
  return { ...named(next), ...(value ? { VersionId: versionId } : {}) };
};

const getSecretValue: Operation = async (store, input) => {
  const secret = usable(store, input);
  const wantedId = input.text('VersionId');
  const stage = input.text('VersionStage') ?? (wantedId === undefined ? CURRENT : undefined);
  const staged = stage === undefined ? wantedId : versionOf(secret, stage);
  const versionId = wantedId ?? staged;
  const version = versionId === undefined ? undefined : secret.versions[versionId];
  if (!version || versionId === undefined) {
    const which = wantedId === undefined ? `staging label: ${stage}` : `VersionId: ${wantedId}`;
    throw notFound(`Secrets Manager can't find the specified secret value for ${which}`);
  }
  if (staged !== versionId) {
    throw invalidRequest('You provided a VersionStage that is not associated to the provided VersionId.');
  }
  return {
    ...named(secret),
    VersionId: versionId,
    ...version.value,
    VersionStages: version.stages,
    CreatedDate: seconds(version.createdAt),
  };
};

const describeSecret: Operation = async (store, input) => description(existing(store, input));

const listSecrets: Operation = async (store, input) => {
  const wanted = input.filters();
  const deleted = input.flag('IncludePlannedDeletion');
  const all = [...store.file.read().keys()].sort().flatMap((name) => find(store, name) ?? []);
  const matching = all.filter((secret) => (deleted || !secret.deletion) && wanted(secret));
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

const listSecretVersionIds: Operation = async (store, input) => {
  const secret = existing(store, input);
  const versions = Object.entries(secret.versions)
    .filter(([, { stages }]) => stages.length > 0 || input.flag('IncludeDeprecated'))
    .map(([VersionId, { stages, createdAt }]) => ({
      VersionId,
      VersionStages: stages,
      CreatedDate: seconds(createdAt),
    }));
  return { ...named(secret), Versions: versions };
};

const deleteSecret: Operation = async (store, input) => {
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

const restoreSecret: Operation = async (store, input) => {
  const { deletion: _, ...restored } = existing(store, input);
  await store.file.write(restored.name, restored);
  return named(restored);
};

const updateSecretVersionStage: Operation = async (store, input) => {
  const secret = usable(store, input);
  const stage = input.text('VersionStage');
  const to = input.text('MoveToVersionId');
  const from = input.text('RemoveFromVersionId');
  if (stage === undefined) throw new AwsError('InvalidParameterException', 'VersionStage is required');
  for (const id of [to, from]) {
    if (id !== undefined && !secret.versions[id]) {
      throw notFound(`Secrets Manager can't find the specified secret version: ${id}`);
    }
  }
  const holder = versionOf(secret, stage);
  if (holder !== undefined && holder !== to && holder !== from) {
    throw new AwsError(
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to ` +
        `version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (stage === CURRENT && to === undefined) {
    throw new AwsError(
      'InvalidParameterException',
      `You can only move staging label ${CURRENT} to another version.`,
    );
  }
  const next = { ...secret, versions: moveStage(secret.versions, stage, to), changedAt: store.now };
  await store.file.write(next.name, next);
  return named(next);
};

const tagResource: Operation = async (store, input) => {
  const secret = usable(store, input);
  await store.file.write(secret.name, { ...secret, tags: { ...secret.tags, ...input.tags() } });
  return {};
};

const untagResource: Operation = async (store, input) => {
  const secret = usable(store, input);
  const removed = input.texts('TagKeys') ?? [];
  const tags = Object.fromEntries(Object.entries(secret.tags).filter(([key]) => !removed.includes(key)));
  await store.file.write(secret.name, { ...secret, tags });
  return {};
};

const OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateSecret: createSecret,
  PutSecretValue: putSecretValue,
  UpdateSecret: updateSecret,
  GetSecretValue: getSecretValue,
  DescribeSecret: describeSecret,
  ListSecrets: listSecrets,
  ListSecretVersionIds: listSecretVersionIds,
  DeleteSecret: deleteSecret,
  RestoreSecret: restoreSecret,
  UpdateSecretVersionStage: updateSecretVersionStage,
  TagResource: tagResource,
  UntagResource: untagResource,
};

/** By name, ARN, or ARN without its random suffix; what is past its recovery window is gone. */
function find({ file, now }: Store, secretId: string): SecretRecord | undefined {
  const secrets = file.read();
  const name = secretId.startsWith(ARN_PREFIX) ? secretId.slice(ARN_PREFIX.length) : secretId;
  const secret =
    secrets.get(name) ?? [...secrets.values()].find(({ arn }) => arn === secretId && secretId !== name);
  return secret?.deletion && secret.deletion.purgeAt <= now ? undefined : secret;
}

function existing(store: Store, input: Input): SecretRecord {
  const secret = find(store, input.secretId());
  if (!secret) throw notFound("Secrets Manager can't find the specified secret.");
  return secret;
}

function usable(store: Store, input: Input): SecretRecord {
  const secret = existing(store, input);
  if (secret.deletion) throw markedForDeletion();
  return secret;
}

function named({ arn, name }: SecretRecord): { ARN: string; Name: string } {
  return { ARN: arn, Name: name };
}

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

/** The protocol's timestamps are seconds since the epoch. */
function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}

function invalidRequest(message: string): AwsError {
  return new AwsError('InvalidRequestException', message);
}

function markedForDeletion(): AwsError {
  return invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}

function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}

function unknownOperation(name: string): AwsError {
  const offered = Object.keys(OPERATIONS).join(', ');
  return new AwsError(
    'UnknownOperationException',
    `${name} is not an operation of the local Secrets Manager; it offers ${offered}`,
  );
}
