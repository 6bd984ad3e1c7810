/** The secrets of the local Secrets Manager, in one file that is replaced whole with every change. */
import { readIfPresent, writeAtomically } from '../atomic-file.ts';
import { DataDirectoryUnusable } from '../data-directory.ts';

export interface SecretVersionRecord {
  readonly value: { readonly SecretString: string } | { readonly SecretBinary: string };
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly stages: readonly string[];
}

export interface SecretRecord {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  readonly kmsKeyId?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly changedAt: number;
  /** Scheduled for deletion: hidden from now on, gone at `purgeAt`. */
  readonly deletion?: { readonly requestedAt: number; readonly purgeAt: number };
  /** By version id. A version without stages is deprecated and soon dropped. */
  readonly versions: Readonly<Record<string, SecretVersionRecord>>;
}

export type Secrets = ReadonlyMap<string, SecretRecord>;

export interface SecretsFile {
  read(): Secrets;
  /** Puts `secret` under its name, or removes that name, and resolves once it is on disk. */
  write(name: string, secret: SecretRecord | undefined): Promise<void>;
}

/** @throws DataDirectoryUnusable naming the file when it is not what this wrote */
export async function openSecretsFile(path: string): Promise<SecretsFile> {
  let secrets: Secrets = parse(await readIfPresent(path), path);
  return {
    read: () => secrets,
    async write(name, secret) {
      const next = new Map(secrets);
      if (secret) next.set(name, secret);
      else next.delete(name);
      await writeAtomically(path, JSON.stringify([...next.values()], null, 2));
      secrets = next;
    },
  };
}

function parse(content: string | undefined, path: string): Secrets {
  if (content === undefined) return new Map();
  try {
    const records = JSON.parse(content) as SecretRecord[];
    return new Map(records.map((record) => [record.name, record]));
  } catch {
    throw new DataDirectoryUnusable(
      `${path} is not readable as JSON: restore it, or move it away to begin without secrets`,
    );
  }
}
