import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as composition from '../../functions/compose.ts';
import { bundleOf } from '../../infra/bundling/build.ts';
import { BUNDLE_FILE } from '../../infra/bundling/programs.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import { PRODUCTION, type Timing } from '../../shared/broker/times.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { jsonBody } from '../support/ask.ts';
import { type BrokerProcess, type BrokerWorld, CALLER, HTTPS_LIMIT } from '../support/broker-world.ts';

interface Options {
  /** What it is asked for first. */
  readonly body?: object;
  readonly timing?: Partial<Timing>;
}

/**
 * One process of the broker as it is deployed, though in this one: bundled, with the clients that the functions have. They
 * take all from the environment, as in Lambda, at their first request, which is made here.
 */
export async function deployedBroker(
  { names, dynamodb, secretsManager }: BrokerWorld,
  connection: Connection,
  { body: first = {}, timing = {} }: Options = {},
): Promise<BrokerProcess['token']> {
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.origin,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.origin,
  });
  try {
    const { awsStores, compose } = await asDeployed();
    const { tokens: tokensTable, grants: grantsTable, keyring: keyringSecret, rescuePrefix } = names;
    const broker = compose({
      connections: new Map([[connection.name, connection]]),
      stores: awsStores({ tokensTable, grantsTable, keyringSecret, rescuePrefix, shards: 1 }),
      observe: () => undefined,
      publicUrl: 'https://broker.example',
      allowLoopbackHttp: true,
      timing: { ...PRODUCTION, ...timing },
    });
    const token: BrokerProcess['token'] = (body = {}) => {
      const begunAt = Date.now();
      return broker.token({
        caller: httpsCaller(CALLER),
        connection: connection.name,
        span: { begunAt, endsAt: begunAt + HTTPS_LIMIT },
        body: jsonBody(body),
      });
    };
    await token(first);
    return token;
  } finally {
    process.env = before;
  }
}

async function asDeployed(): Promise<typeof composition> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const file = join(folder, BUNDLE_FILE);
  await writeFile(file, bundleOf('functions/compose.ts').code);
  try {
    return createRequire(import.meta.url)(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
