/** The stores on a real SDK and a real endpoint, as one process of the broker has them. */
import { randomBytes, randomUUID } from 'node:crypto';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { createBudgetTable } from '../../shared/aws/budget-table.ts';
import { grantsClient, secretsManagerClient, tokensClient } from '../../shared/aws/clients.ts';
import { createConsentsTable } from '../../shared/aws/consents-table.ts';
import { createTables, type TableNames } from '../../shared/aws/create-tables.ts';
import { createGrantsTable } from '../../shared/aws/grants-table.ts';
import { createRefusalsTable } from '../../shared/aws/refusals-table.ts';
import { createRescues } from '../../shared/aws/rescues.ts';
import { createSealer } from '../../shared/aws/sealing.ts';
import { createSecrets } from '../../shared/aws/secrets.ts';
import { createTokensTable } from '../../shared/aws/tokens-table.ts';
import type { Grant } from '../../shared/broker/ports.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { Clock } from '../../shared/oauth/clock.ts';
import { fingerprint, type Token } from '../../shared/oauth/token.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

/** Where DynamoDB and Secrets Manager are. */
export interface Origins {
  readonly dynamodb: string;
  readonly secretsManager: string;
}

/** Names that nobody else uses on the same endpoint. */
export interface StoreNames extends TableNames {
  readonly keyring: string;
  readonly rescuePrefix: string;
}

export type Stores = ReturnType<typeof openStores>;

/** Credentials that every local endpoint takes. */
export const localAccess = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
};

/** Bounds about those of production; less make a silent endpoint a matter of moments. */
function quick(requestTimeout: number) {
  const requestHandler = { connectionTimeout: 500, requestTimeout, throwOnRequestTimeout: true };
  return { ...localAccess, requestHandler };
}

/** Creates the tables and a keyring as CloudFormation would. */
export async function createStores({ dynamodb, secretsManager }: Origins): Promise<StoreNames> {
  const id = randomUUID();
  const names = {
    tokens: `tokens-${id}`,
    grants: `grants-${id}`,
    keyring: `keyring-${id}`,
    rescuePrefix: `rescue-${id}/`,
  };
  const { client } = grantsClient({ ...localAccess, endpoint: dynamodb });
  await createTables(client, names);
  const manager = secretsManagerClient({ ...localAccess, endpoint: secretsManager });
  const keyring = JSON.stringify({ kid: 'initial', key: randomBytes(32).toString('hex') });
  await manager.client.send(new CreateSecretCommand({ Name: names.keyring, SecretString: keyring }));
  return names;
}

/** One process's view: its own clients, keyring and caches. */
export function openStores(
  { dynamodb, secretsManager }: Origins,
  names: StoreNames,
  clock: Clock = storeClock(),
  { shards = 4, requestTimeout = 1_500 }: { shards?: number; requestTimeout?: number } = {},
) {
  const access = quick(requestTimeout);
  const tokens = tokensClient({ ...access, endpoint: dynamodb }, clock);
  const grants = grantsClient({ ...access, endpoint: dynamodb }, clock);
  const manager = secretsManagerClient({ ...access, endpoint: secretsManager }, clock);
  const sealer = createSealer(manager, { secret: names.keyring, clock });
  const tokensTable = { dynamo: tokens, table: names.tokens, sealer, clock };
  const grantsTable = { dynamo: grants, table: names.grants, sealer, clock, shards };
  return {
    dynamo: grants,
    manager,
    sealer,
    tokens: createTokensTable(tokensTable),
    refusals: createRefusalsTable(tokensTable),
    budgets: createBudgetTable(tokensTable),
    consents: createConsentsTable(tokensTable),
    grants: createGrantsTable(grantsTable),
    rescues: createRescues(manager, { prefix: names.rescuePrefix, sealer }),
    secrets: createSecrets(manager, { clock }),
  };
}

/** Begins now, because a table may really delete what is over. */
export function storeClock(): FakeClock {
  return fakeClock(Date.now());
}

export function aToken(now: number, members: Partial<Token> = {}): Token {
  const accessToken = new Redacted(`access-${randomUUID()}`);
  return {
    accessToken,
    tokenType: 'Bearer',
    scope: 'symbols',
    expiresAt: now + 3_600_000,
    mintedAt: now,
    fingerprint: fingerprint(accessToken),
    ...members,
  };
}

/** An access token of so many characters. */
export function aLongToken(now: number, length: number, mintedAt = now): Token {
  const accessToken = new Redacted(randomUUID().padEnd(length, 'x'));
  return aToken(now, { accessToken, fingerprint: fingerprint(accessToken), mintedAt });
}

export function aGrant(now: number, members: Partial<Grant> = {}): Grant {
  return {
    connection: 'logs-portal',
    subject: `subject-${randomUUID()}`,
    generation: randomUUID(),
    status: 'active',
    refreshToken: new Redacted(`refresh-${randomUUID()}`),
    tokens: {},
    attempts: [],
    dueAt: now + 60_000,
    binding: { tokenEndpoint: 'https://vendor.example/token', clientId: 'client' },
    scopes: ['read'],
    consentedAt: now,
    consentedBy: 'arn:aws:iam::111122223333:role/admin',
    ...members,
  };
}
