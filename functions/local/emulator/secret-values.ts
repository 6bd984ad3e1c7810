/** The operations on the values of a secret and on their staging labels. */
import { randomUUID } from 'node:crypto';
import { AwsError } from './errors.ts';
import {
  ARN_PREFIX,
  find,
  invalidRequest,
  named,
  notFound,
  type Operation,
  seconds,
  usable,
} from './secret-store.ts';
import { addVersion, CURRENT, moveStage, versionOf } from './secret-versions.ts';
import type { SecretRecord } from './secrets-file.ts';

export const createSecret: Operation = async (store, input) => {
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

export const putSecretValue: Operation = async (store, input) => {
  const secret = usable(store, input);
  const versionId = input.requestToken() ?? randomUUID();
  const value = input.value();
  if (!value) throw invalidRequest('You must provide either SecretString or SecretBinary.');
  const next = addVersion(secret, versionId, value, input.stages() ?? [CURRENT], store.now);
  await store.file.write(next.name, next);
  return { ...named(next), VersionId: versionId, VersionStages: next.versions[versionId]!.stages };
};

export const getSecretValue: Operation = async (store, input) => {
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

export const updateSecretVersionStage: Operation = async (store, input) => {
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
