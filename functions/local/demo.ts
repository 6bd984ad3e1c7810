/** Vendors simulated on loopback: all four for the demo, or those that connections of a file are to have. */
import { createPublicKey } from 'node:crypto';
import { type Connection, DEVICE_CODE_GRANT, OUT_OF_BAND } from '../../shared/connections/connection.ts';
import {
  DEMO_CLIENTS,
  type DemoClient,
  type DemoClientName,
  type SimulatedVendors,
  startSimulatedVendors,
  type VendorName,
} from '../simulator/server.ts';
import { readIfPresent, writeAtomically } from './atomic-file.ts';
import { type Connections, type ConnectionsFile, parsed } from './connections.ts';
import { UsageError } from './options.ts';
import type { Seeds } from './stores.ts';

export interface Simulation {
  readonly connections: Connections;
  /** Secrets of the simulated connections, each made when it turns out to be absent. */
  readonly seeds: Seeds;
  /** Where each vendor is simulated. */
  readonly origins: Readonly<Record<VendorName, string>>;
  /** Tells the simulation of secrets that are there from an earlier run. */
  recognise(secrets: Readonly<Record<string, string>>): void;
  /** Keeps ports and consents for the next run, where there is a place for it. */
  close(): Promise<void>;
}

const DEMO = {
  'crash-symbols': { vendor: 'bugsplat', scope: 'symbols' },
  'crash-restricted': { vendor: 'bugsplat', scope: 'restricted' },
  'logs-service': { vendor: 'bugfender' },
  'logs-jobs': { vendor: 'bugfender', client_auth: 'private_key_jwt' },
  'logs-portal': { vendor: 'bugfender', grant: 'authorization_code', refresh: 'keep_warm' },
  // Where no browser can come back: the vendor shows a code.
  'logs-desk': { vendor: 'bugfender', grant: 'authorization_code', redirect_uri: OUT_OF_BAND },
  'research-team': { vendor: 'bipsync', tenant: 'acme', scope: 'team_42 research:read' },
  'research-user': {
    vendor: 'bipsync',
    tenant: 'acme',
    grant: 'authorization_code',
    scope: 'research:read',
  },
  'research-kiosk': {
    vendor: 'bipsync',
    tenant: 'acme',
    grant: DEVICE_CODE_GRANT,
    client_auth: 'none',
    scope: 'research:read',
  },
  onboarding: {
    vendor: 'bits',
    scopes: ['application', 'application.read', 'application.session'],
    scope: 'application',
  },
};

/** @param place file of what an earlier run has left, and this one leaves; absent: nothing is kept */
export function startDemo(place?: string): Promise<Simulation> {
  return simulate({ connections: DEMO }, Object.keys(DEMO), place);
}

/**
 * @param names of the connections that are to have simulated vendors
 * @throws UsageError for a connection that none of the simulated clients is like
 */
export async function simulate(
  file: ConnectionsFile,
  names: readonly string[],
  place?: string,
): Promise<Simulation> {
  const clients = clientsFor(parsed(file), names);
  const left = place && (await readIfPresent(place));
  const vendors = await startWith(left);
  const { origins } = vendors;
  const members = Object.entries(file.connections).map(([name, each]) => {
    const client = clients.get(name);
    return [name, client ? { ...each, base_url: origins[DEMO_CLIENTS[client].vendor] } : each];
  });
  const connections = parsed({ ...file, connections: Object.fromEntries(members) });
  const seedOf = (client: DemoClientName) => async () =>
    (await vendors[DEMO_CLIENTS[client].vendor].clientSecrets())[client]!;
  const known = [...clients.values()].map((client): DemoClient => DEMO_CLIENTS[client]);
  // At a first start they are made while the stores are.
  if (!left) for (const { vendor, proof } of known) if (proof === 'assertion') vendors[vendor].beginKey();
  return {
    connections,
    seeds: Object.fromEntries(
      [...clients].map(([name, client]) => [connections.get(name)!.secret, seedOf(client)]),
    ),
    origins,
    recognise(secrets) {
      for (const [name, client] of clients) {
        const known: DemoClient = DEMO_CLIENTS[client];
        const publicKey = known.proof && publicKeyOf(secrets[connections.get(name)!.secret]);
        if (publicKey) vendors[known.vendor].registerClient({ ...known, publicKey });
      }
    },
    async close() {
      if (place) await writeAtomically(place, vendors.keep().toString('base64'));
      await vendors.close();
    },
  };
}

/** @throws UsageError */
function clientsFor(connections: Connections, names: readonly string[]): ReadonlyMap<string, DemoClientName> {
  return new Map(
    names.map((name) => {
      const connection = connections.get(name);
      if (!connection)
        throw new UsageError(`--simulate ${name}: the file has ${[...connections.keys()].join(', ')}`);
      const client = clientLike(connection);
      if (!client) throw new UsageError(`--simulate ${name}: ${notSimulated(connection)}`);
      return [name, client];
    }),
  );
}

function clientLike({ vendor, grant, clientAuth, scope }: Connection): DemoClientName | undefined {
  const proof = { none: 'nothing', private_key_jwt: 'assertion' }[clientAuth as string] ?? 'secret';
  const all: [string, DemoClient][] = Object.entries(DEMO_CLIENTS);
  const found = all.find(
    ([, client]) =>
      client.vendor === vendor &&
      client.grants.includes(grant) &&
      proof === (client.proof ?? (client.clientSecret === undefined ? 'nothing' : 'secret')) &&
      scope.every((each) => client.scopes.includes(each)),
  );
  return found?.[0] as DemoClientName | undefined;
}

function notSimulated({ vendor, grant, clientAuth, scope }: Connection): string {
  const own = Object.values(DEMO_CLIENTS).filter((client) => client.vendor === vendor);
  if (own.length === 0) return `${vendor} is not simulated`;
  const scopes = [...new Set(own.flatMap((client): readonly string[] => client.scopes))];
  return `no simulated client of ${vendor} has ${grant} by ${clientAuth} for "${scope.join(' ')}"; its scopes are ${scopes.join(', ')}`;
}

/** At other ports where those of the earlier run are taken; consents given there must then be given again. */
async function startWith(left: string | undefined): Promise<SimulatedVendors> {
  if (!left) return startSimulatedVendors();
  const kept = Buffer.from(left, 'base64');
  return startSimulatedVendors({ kept }).catch(() => startSimulatedVendors());
}

/** `undefined` where the user has put something else there. */
function publicKeyOf(secret: string | undefined): string | undefined {
  try {
    const { private_key: key } = JSON.parse(secret ?? '{}') as { private_key: string };
    return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    return undefined;
  }
}
