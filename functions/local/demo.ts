/** What is there to try when no connections file is given: all four vendors, simulated on loopback. */
import { createPublicKey } from 'node:crypto';
import { DEVICE_CODE_GRANT, OUT_OF_BAND } from '../../shared/connections/connection.ts';
import { NAMES } from '../../shared/contract/names.ts';
import {
  DEMO_CLIENTS,
  type DemoClientName,
  type SimulatedVendors,
  startSimulatedVendors,
  type VendorName,
} from '../simulator/server.ts';
import { readIfPresent, writeAtomically } from './atomic-file.ts';
import type { Seeds } from './stores.ts';

interface Demo {
  /** As a connections file would have it. */
  readonly file: object;
  /** Secrets of the demo's connections, each made when it turns out to be absent. */
  readonly seeds: Seeds;
  /** Where each vendor is simulated. */
  readonly origins: Readonly<Record<VendorName, string>>;
  /** Tells the simulation of secrets that are there from an earlier run. */
  recognise(secrets: Readonly<Record<string, string>>): void;
  /** Keeps ports and consents for the next run, where there is a place for it. */
  close(): Promise<void>;
}

interface DemoConnection {
  readonly vendor: VendorName;
  /** The vendor client that the secret belongs to. */
  readonly client: DemoClientName;
  readonly members?: object;
}

const KEY_CONNECTION = 'logs-jobs';

const CONNECTIONS: Readonly<Record<string, DemoConnection>> = {
  'crash-symbols': { vendor: 'bugsplat', client: 'bugsplat-symbols', members: { scope: 'symbols' } },
  'crash-restricted': { vendor: 'bugsplat', client: 'bugsplat-restricted', members: { scope: 'restricted' } },
  'logs-service': { vendor: 'bugfender', client: 'bugfender-service' },
  [KEY_CONNECTION]: {
    vendor: 'bugfender',
    client: 'bugfender-key',
    members: { client_auth: 'private_key_jwt' },
  },
  'logs-portal': {
    vendor: 'bugfender',
    client: 'bugfender-integration',
    members: { grant: 'authorization_code', refresh: 'keep_warm' },
  },
  // Where no browser can come back: the vendor shows a code.
  'logs-desk': {
    vendor: 'bugfender',
    client: 'bugfender-integration',
    members: { grant: 'authorization_code', redirect_uri: OUT_OF_BAND },
  },
  'research-team': {
    vendor: 'bipsync',
    client: 'bipsync-team',
    members: { tenant: 'acme', scope: 'team_42 research:read' },
  },
  'research-user': {
    vendor: 'bipsync',
    client: 'bipsync-user',
    members: { tenant: 'acme', grant: 'authorization_code', scope: 'research:read' },
  },
  'research-kiosk': {
    vendor: 'bipsync',
    client: 'bipsync-kiosk',
    members: { tenant: 'acme', grant: DEVICE_CODE_GRANT, client_auth: 'none', scope: 'research:read' },
  },
  onboarding: {
    vendor: 'bits',
    client: 'bits',
    members: { scopes: ['application', 'application.read', 'application.session'], scope: 'application' },
  },
};

/** @param place file of what an earlier run has left, and this one leaves; absent: nothing is kept */
export async function startDemo(place?: string): Promise<Demo> {
  const vendors = await startWith(place && (await readIfPresent(place)));
  const entries = Object.entries(CONNECTIONS);
  const seedOf =
    ({ vendor, client }: DemoConnection) =>
    async () =>
      (await vendors[vendor].clientSecrets())[client]!;
  return {
    file: {
      connections: Object.fromEntries(
        entries.map(([name, { vendor, members }]) => [
          name,
          { vendor, base_url: vendors.origins[vendor], ...members },
        ]),
      ),
    },
    seeds: Object.fromEntries(
      entries.map(([name, connection]) => [NAMES.defaultSecretPrefix + name, seedOf(connection)]),
    ),
    origins: vendors.origins,
    recognise(secrets) {
      const publicKey = publicKeyOf(secrets[NAMES.defaultSecretPrefix + KEY_CONNECTION]);
      if (publicKey) vendors.bugfender.registerClient({ ...DEMO_CLIENTS['bugfender-key'], publicKey });
    },
    async close() {
      if (place) await writeAtomically(place, vendors.keep().toString('base64'));
      await vendors.close();
    },
  };
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
