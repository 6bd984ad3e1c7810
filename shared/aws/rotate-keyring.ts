/**
 * Rotation of the sealing keyring, in the steps of Secrets Manager's rotation functions. The key that the rotation
 * before has published becomes the current one, a new one is published, and the old ones stay, so there is nothing to
 * set or test elsewhere: what was sealed still opens.
 */
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import { Redacted } from '../contract/redacted.ts';
import type { Clock } from '../oauth/clock.ts';
import { type Dynamo, errorName, type SecretsManager, within } from './clients.ts';
import { kidsInUse } from './grants-table.ts';
import { parseKeyring, rotated, serializeKeyring, withoutOldKeys } from './keyring.ts';

interface KeyringRotationParts {
  readonly manager: SecretsManager;
  readonly dynamo: Dynamo;
  /** Name of the table whose grants keep keys in use. */
  readonly grantsTable: string;
  readonly clock: Clock;
}

const text = v.pipe(v.string(), v.nonEmpty());

/** What Secrets Manager invokes a rotation function with; both spellings of the steps have been seen. */
const ROTATION_EVENT = v.object({
  Step: v.pipe(
    v.string(),
    v.transform((step) => step.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())),
    v.picklist(['createSecret', 'setSecret', 'testSecret', 'finishSecret']),
  ),
  SecretId: text,
  /** Id of the version to make. */
  ClientRequestToken: text,
});
type RotationEvent = v.InferOutput<typeof ROTATION_EVENT>;

/** The handler throws a ValiError for an event that says something else, and the SDK's errors: Secrets Manager then tries again. */
export function keyringRotation(parts: KeyringRotationParts) {
  const { client, timeout } = parts.manager;

  return async (input: unknown): Promise<void> => {
    const event = v.parse(ROTATION_EVENT, input);
    if (event.Step === 'createSecret') await createVersion(event);
    if (event.Step === 'finishSecret') await makeCurrent(event);
  };

  /** Repeatable: a version that an earlier try has made is kept, since processes may know its key already. */
  async function createVersion({ SecretId, ClientRequestToken }: RotationEvent): Promise<void> {
    if (await read(SecretId, { VersionId: ClientRequestToken })) return;
    const value = await read(SecretId, { VersionStage: 'AWSCURRENT' });
    if (!value) throw new Error('The keyring has no current version.');
    const now = parts.clock.now();
    const inUse = await kidsInUse(parts.dynamo, parts.grantsTable);
    const ring = withoutOldKeys(rotated(parseKeyring(value), now), now, inUse);
    const SecretString = serializeKeyring(ring, now).reveal();
    const put = new PutSecretValueCommand({
      SecretId,
      ClientRequestToken,
      SecretString,
      VersionStages: ['AWSPENDING'],
    });
    await within(timeout, (abortSignal) => client.send(put, { abortSignal }));
  }

  async function makeCurrent({ SecretId, ClientRequestToken }: RotationEvent): Promise<void> {
    const describe = new DescribeSecretCommand({ SecretId });
    const { VersionIdsToStages = {} } = await within(timeout, (abortSignal) =>
      client.send(describe, { abortSignal }),
    );
    const current = Object.keys(VersionIdsToStages).find((id) =>
      VersionIdsToStages[id]?.includes('AWSCURRENT'),
    );
    if (current === ClientRequestToken) return;
    const move = new UpdateSecretVersionStageCommand({
      SecretId,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: ClientRequestToken,
      RemoveFromVersionId: current,
    });
    await within(timeout, (abortSignal) => client.send(move, { abortSignal }));
  }

  async function read(
    SecretId: string,
    version: { VersionId: string } | { VersionStage: string },
  ): Promise<Redacted | undefined> {
    try {
      const command = new GetSecretValueCommand({ SecretId, ...version });
      const { SecretString } = await within(timeout, (abortSignal) => client.send(command, { abortSignal }));
      return SecretString === undefined ? undefined : new Redacted(SecretString);
    } catch (error) {
      if (errorName(error) === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }
}
