/** Where the local program keeps its data: tables, keyring and seeds are made where they are missing. */
import { randomBytes } from 'node:crypto';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { AwsConfig } from '../../shared/aws/clients.ts';
import { NAMES } from '../../shared/contract/names.ts';
import { DEMO_KEY, LOCAL_KEY_ID, LOCAL_REGION } from './identities.ts';

/** Values of secrets by name; each is made when there is none yet. */
export type Seeds = Readonly<Record<string, () => object | Promise<object>>>;

/** Milliseconds; without them the SDK waits for a silent endpoint for minutes. */
const BOUNDS = { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/** The endpoint embedded in this process. */
export function embeddedConfig(endpoint: string, key: string = DEMO_KEY): AwsConfig {
  return {
    region: LOCAL_REGION,
    endpoint,
    credentials: { accessKeyId: LOCAL_KEY_ID, secretAccessKey: key },
  };
}

/**
 * The endpoint that `AWS_ENDPOINT_URL` names, with the environment's region and credentials where it has any:
 * such endpoints commonly take all, and another broker's takes the local ones with its key.
 */
export function environmentConfig(endpoint: string, key?: string, environment = process.env): AwsConfig {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE } = environment;
  const region = AWS_REGION || AWS_DEFAULT_REGION || LOCAL_REGION;
  if (AWS_ACCESS_KEY_ID || AWS_PROFILE) return { region, endpoint };
  return { ...embeddedConfig(endpoint, key), region };
}

/** The endpoint cannot be used; the message says which one, and why. */
export class StoresUnusable extends Error {
  override readonly name = 'StoresUnusable';
}

/**
 * Several brokers may do so at once on one endpoint.
 * @returns the seeded secrets' values as they are now
 * @throws StoresUnusable
 */
export async function prepareStores(config: AwsConfig, seeds: Seeds): Promise<Record<string, string>> {
  const [{ createTables }, { DynamoDBClient }, { SecretsManagerClient }] = await Promise.all([
    import('../../shared/aws/create-tables.ts'),
    import('@aws-sdk/client-dynamodb'),
    import('@aws-sdk/client-secrets-manager'),
  ]);
  const bounded = { ...config, requestHandler: BOUNDS };
  const dynamodb = new DynamoDBClient(bounded);
  const manager = new SecretsManagerClient(bounded);
  const ensured = async ([name, make]: [string, Seeds[string]]) => [name, await ensure(manager, name, make)];
  try {
    const [secrets] = await Promise.all([
      Promise.all(Object.entries(seeds).map(ensured)),
      ensure(manager, NAMES.keyringSecret, newKeyring),
      createTables(dynamodb, { tokens: NAMES.tokensTable, grants: NAMES.grantsTable }),
    ]);
    return Object.fromEntries(secrets);
  } catch (error) {
    throw new StoresUnusable(
      `DynamoDB or Secrets Manager at ${config.endpoint} cannot be used: ${reasonOf(error)}`,
    );
  } finally {
    dynamodb.destroy();
    manager.destroy();
  }
}

/** Never replaces a value: another process may have sealed with it, or the user chosen it. */
async function ensure(manager: SecretsManagerClient, name: string, make: Seeds[string]): Promise<string> {
  const { CreateSecretCommand, GetSecretValueCommand, ResourceExistsException, ResourceNotFoundException } =
    await import('@aws-sdk/client-secrets-manager');
  const read = async () => {
    const { SecretString } = await manager.send(new GetSecretValueCommand({ SecretId: name }));
    return SecretString ?? '';
  };
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
  const value = JSON.stringify(await make());
  try {
    await manager.send(new CreateSecretCommand({ Name: name, SecretString: value }));
    return value;
  } catch (error) {
    if (error instanceof ResourceExistsException) return read();
    throw error;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [error.name, error.message || ('code' in error ? String(error.code) : '')].join(': ');
}

function newKeyring(): object {
  const kid = randomBytes(9).toString('base64url');
  const key = { k: randomBytes(32).toString('base64url'), created: new Date().toISOString() };
  return { current: kid, keys: { [kid]: key } };
}
