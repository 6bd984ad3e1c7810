/** How Secrets Manager moves staging labels among the versions of one secret. */
import { AwsError } from './errors.ts';
import type { SecretRecord, SecretVersionRecord } from './secrets-file.ts';

export const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';
/** More than this many versions without labels are dropped, oldest first, as AWS does after a while. */
const KEEP_DEPRECATED = 20;

export type SecretValue = SecretVersionRecord['value'];
type Versions = Readonly<Record<string, SecretVersionRecord>>;

/**
 * Adds a version and gives it `stages`; the first version is always current. Repeating a request that
 * succeeded changes nothing.
 * @throws AwsError `ResourceExistsException` when that version id already holds another value
 */
export function addVersion(
  secret: SecretRecord,
  versionId: string,
  value: SecretValue,
  requested: readonly string[],
  now: number,
): SecretRecord {
  const existing = secret.versions[versionId];
  if (existing) {
    if (JSON.stringify(existing.value) === JSON.stringify(value)) return secret;
    throw new AwsError(
      'ResourceExistsException',
      `A version with the id ${versionId} already exists and holds another value.`,
    );
  }
  const first = versionOf(secret, CURRENT) === undefined;
  const stages = first && !requested.includes(CURRENT) ? [...requested, CURRENT] : requested;
  const added: Versions = { ...secret.versions, [versionId]: { value, createdAt: now, stages: [] } };
  const versions = stages.reduce((all, stage) => moveStage(all, stage, versionId), added);
  return { ...secret, versions: dropDeprecated(versions), changedAt: now };
}

/** Moves a label to a version, or off every version; what loses AWSCURRENT to another becomes AWSPREVIOUS. */
export function moveStage(versions: Versions, stage: string, to: string | undefined): Versions {
  const from = Object.keys(versions).find((id) => versions[id]!.stages.includes(stage));
  if (from === to) return versions;
  const moved = mapVersions(versions, (id, { stages }) => {
    const others = stages.filter((label) => label !== stage);
    return id === to ? [...others, stage] : others;
  });
  if (stage !== CURRENT || from === undefined) return moved;
  return moveStage(moved, PREVIOUS, from);
}

export function versionOf(secret: SecretRecord, stage: string): string | undefined {
  return Object.keys(secret.versions).find((id) => secret.versions[id]!.stages.includes(stage));
}

function mapVersions(
  versions: Versions,
  stages: (id: string, version: SecretVersionRecord) => readonly string[],
): Versions {
  return Object.fromEntries(
    Object.entries(versions).map(([id, version]) => [id, { ...version, stages: stages(id, version) }]),
  );
}

function dropDeprecated(versions: Versions): Versions {
  const deprecated = Object.entries(versions).filter(([, { stages }]) => stages.length === 0);
  const oldest = deprecated.sort(([, a], [, b]) => a.createdAt - b.createdAt).slice(0, -KEEP_DEPRECATED);
  const dropped = new Set(oldest.map(([id]) => id));
  return Object.fromEntries(Object.entries(versions).filter(([id]) => !dropped.has(id)));
}
