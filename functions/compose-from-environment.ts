/** The deployed functions' broker: from the environment that the stack wrote and the file beside the bundle. */
import { readFileSync } from 'node:fs';
import type { Connection } from '../shared/connections/connection.ts';
import { CONNECTIONS_FILE, fromEnvironment } from '../shared/contract/names.ts';
import { vendorsHere } from './brought-vendors.ts';
import { awsStores, type Broker, compose } from './compose.ts';
import { type Telemetry, telemetry } from './telemetry.ts';

interface Composed {
  readonly broker: Broker;
  readonly telemetry: Telemetry;
}

/** Called once per cold start. @throws BrokerError `internal` */
export function composeFromEnvironment(): Composed {
  const instruments = telemetry();
  const stores = awsStores({
    tokensTable: fromEnvironment('tokensTable'),
    grantsTable: fromEnvironment('grantsTable'),
    keyringSecret: fromEnvironment('keyringSecret'),
    rescuePrefix: fromEnvironment('rescuePrefix'),
    shards: Number(fromEnvironment('shards')),
  });
  const publicUrl = fromEnvironment('publicUrl');
  return {
    broker: compose({
      connections: readConnections(),
      vendors: vendorsHere(),
      stores,
      observe: instruments.observe,
      publicUrl,
    }),
    telemetry: instruments,
  };
}

/** They were checked, and every default filled in, when the file was put beside the bundle. */
function readConnections(): ReadonlyMap<string, Connection> {
  const text = readFileSync(new URL(CONNECTIONS_FILE, import.meta.url), 'utf8');
  const connections: Connection[] = JSON.parse(text);
  return new Map(connections.map((connection) => [connection.name, connection]));
}
