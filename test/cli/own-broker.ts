import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type SimulatedVendors, startSimulatedVendors } from '../../functions/simulator/server.ts';
import { OUT_OF_BAND } from '../../shared/connections/connection.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { cli } from './support.ts';

export interface OwnBroker {
  readonly vendors: SimulatedVendors;
  readonly broker: LocalBrokerProcess;
  /** For files of the test. */
  readonly folder: string;
  /** The connections file that the broker runs with. */
  readonly file: string;
}

/** A broker with a team's own connections, whose secrets were put with the command line. */
export function ownBroker(): OwnBroker {
  const context = {} as { -readonly [Name in keyof OwnBroker]: OwnBroker[Name] };
  beforeAll(async () => {
    context.vendors = await startSimulatedVendors();
    context.folder = await mkdtemp(join(tmpdir(), 'token-broker-cli-'));
    context.file = join(context.folder, 'connections.json');
    await writeFile(context.file, JSON.stringify({ connections: connectionsAt(context.vendors.origins) }));
    context.broker = await startLocalBrokerProcess({ args: ['--connections', context.file] });
    await putSecrets(context);
  });
  afterAll(async () => {
    await context.broker.dispose();
    await context.vendors.close();
    await rm(context.folder, { recursive: true });
  });
  return context;
}

function connectionsAt({ bipsync, bugsplat, bugfender }: SimulatedVendors['origins']): object {
  const person = { vendor: 'bipsync', tenant: 'acme', base_url: bipsync, scope: 'research:read' };
  const symbols = { vendor: 'bugsplat', base_url: bugsplat, scope: 'symbols' };
  return {
    crash: symbols,
    jobs: { vendor: 'bugfender', base_url: bugfender, client_auth: 'private_key_jwt' },
    vault: { vendor: 'bugfender', base_url: bugfender, client_auth: 'private_key_jwt', signing: 'kms' },
    vouched: {
      vendor: 'custom',
      token_endpoint: `${bugsplat}/token`,
      client_auth: 'aws_web_identity',
      client_id: 'a',
    },
    person: { ...person, grant: 'authorization_code' },
    paste: {
      ...person,
      grant: 'authorization_code',
      redirect_uri: OUT_OF_BAND,
      secret: 'token-broker/person',
    },
    kiosk: { ...person, grant: 'urn:ietf:params:oauth:grant-type:device_code', client_auth: 'none' },
    guarded: {
      ...symbols,
      secret: 'token-broker/crash',
      callers: [{ principal: 'arn:aws:iam::000000000000:role/ci' }],
    },
  };
}

async function putSecrets({ vendors, broker }: OwnBroker): Promise<void> {
  const [bugsplat, bipsync] = await Promise.all([
    vendors.bugsplat.clientSecrets(),
    vendors.bipsync.clientSecrets(),
  ]);
  const secrets = {
    crash: bugsplat['bugsplat-symbols'],
    person: bipsync['bipsync-user'],
    kiosk: bipsync['bipsync-kiosk'],
  };
  const run = cli(() => broker);
  const puts = Object.entries(secrets).map(([connection, value]) =>
    run(['secret', 'put', connection], { input: JSON.stringify(value) }),
  );
  for (const ended of await Promise.all(puts)) expect(ended).toMatchObject({ code: 0 });
}
