/**
 * The composed broker on real stores and simulated vendors, as several processes that share one clock. Each
 * test makes connections of its own, so that tables and vendors can be shared by a whole file.
 */

import { randomUUID } from 'node:crypto';
import { CreateSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { type Broker, compose, type Stores } from '../../functions/compose.ts';
import { DEMO_CLIENTS, type DemoClientName } from '../../functions/simulator/clients.ts';
import { type SimulatedVendors, startSimulatedVendors } from '../../functions/simulator/server.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import type { BrokerEvent, Observe } from '../../shared/broker/events.ts';
import { PRODUCTION, type Timing } from '../../shared/broker/times.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import type { TokenAnswer } from '../../shared/contract/messages.ts';
import { FUNCTIONS } from '../../shared/contract/names.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import type { Vendor } from '../../shared/vendors/vendor.ts';
import { jsonBody } from './ask.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type RunningClock, runningClock } from './running-clock.ts';
import { startStoreEndpoint } from './store-endpoint.ts';
import { createStores, type Origins, openStores, type StoreNames } from './stores.ts';

export const CALLER = 'arn:aws:sts::111122223333:assumed-role/ci/session';

/** How long a function behind the HTTP API may run, in milliseconds. */
export const HTTPS_LIMIT = FUNCTIONS.https.timeout;

export interface ProcessOptions {
  /** Vendors described otherwise than the shipped ones. */
  readonly vendors?: Readonly<Record<string, Vendor>>;
  readonly timing?: Partial<Timing>;
  /** Changes a store, e.g. to make it wait. */
  readonly stores?: (stores: Stores) => Stores;
  /** Where events go beside `events`. */
  readonly observe?: Observe;
}

/** What one process of the broker is, seen from outside. */
export interface BrokerProcess {
  readonly broker: Broker;
  readonly events: BrokerEvent[];
  readonly stores: Stores;
  /** A token of the first connection, unless another is named; `remaining`: milliseconds of the invocation. */
  token(
    body?: object,
    options?: { connection?: string; remaining?: number; as?: string },
  ): Promise<TokenAnswer>;
}

export interface BrokerWorld {
  readonly clock: RunningClock;
  readonly vendors: SimulatedVendors;
  /** In front of DynamoDB and of Secrets Manager, for every process alike. */
  readonly dynamodb: FaultProxy;
  readonly secretsManager: FaultProxy;
  /** The endpoints themselves, behind the proxies. */
  readonly origins: Origins;
  readonly names: StoreNames;
  /** A connection with a name of its own, and its secret, where it has one: a demo client's, or any object. */
  connect(members: ConnectionMembers, secret?: DemoClientName | object): Promise<Connection>;
  /** A new version of a connection's secret becomes the current one. */
  putSecret(connection: Connection, value: object, stages?: string[]): Promise<void>;
  /** A process of the broker that has the connections; it starts with an empty memory. */
  process(connections: Connection | readonly Connection[], options?: ProcessOptions): BrokerProcess;
}

export type ConnectionMembers = { readonly vendor: string } & Readonly<Record<string, unknown>>;

/** Whoever starts it closes it. */
export async function startBrokerWorld(): Promise<{ world: BrokerWorld; close(): Promise<void> }> {
  const clock = runningClock();
  const [endpoint, vendors] = await Promise.all([
    startStoreEndpoint(),
    startSimulatedVendors({ now: clock.now }),
  ]);
  const [dynamodb, secretsManager] = await Promise.all([
    startFaultProxy(endpoint.origin),
    startFaultProxy(endpoint.origin),
  ]);
  const sound = { dynamodb: endpoint.origin, secretsManager: endpoint.origin };
  const proxied = { dynamodb: dynamodb.origin, secretsManager: secretsManager.origin };
  const names = await createStores(sound);
  const { manager } = openStores(sound, names, clock);

  const world: BrokerWorld = {
    clock,
    vendors,
    dynamodb,
    secretsManager,
    origins: sound,
    names,
    async connect(members, secret) {
      const name = `c-${randomUUID()}`;
      const origins: Readonly<Record<string, string>> = vendors.origins;
      const base_url = origins[members.vendor];
      const entry = { ...(base_url && { base_url }), ...members };
      const connection = parseOne(name, entry);
      if (secret === undefined) return connection;
      const value = typeof secret === 'string' ? await demoSecret(vendors, secret) : secret;
      await manager.client.send(
        new CreateSecretCommand({ Name: connection.secret, SecretString: JSON.stringify(value) }),
      );
      return connection;
    },
    async putSecret({ secret }, value, stages) {
      await manager.client.send(
        new PutSecretValueCommand({
          SecretId: secret,
          SecretString: JSON.stringify(value),
          ...(stages && { VersionStages: stages }),
        }),
      );
    },
    process(connections, { timing = {}, stores: change, observe, vendors: described } = {}) {
      const list = [connections].flat() as Connection[];
      const events: BrokerEvent[] = [];
      const opened = openStores(proxied, names, clock, { shards: 1 });
      const stores = change?.(opened) ?? opened;
      const broker = compose({
        connections: new Map(list.map((connection) => [connection.name, connection])),
        stores,
        observe(event) {
          events.push(event);
          observe?.(event);
        },
        publicUrl: 'https://broker.example',
        allowLoopbackHttp: true,
        ...(described && { vendors: described }),
        clock,
        timing: { ...PRODUCTION, ...timing },
      });
      const token = tokensOf(broker, list[0]!, clock.now);
      return { broker, events, stores, token };
    },
  };
  const end = async () => {
    await Promise.all([dynamodb.close(), secretsManager.close(), vendors.close()]);
    await endpoint.close();
  };
  return { world, close: end };
}

/** Asks for tokens as API Gateway passes such requests on. */
export function tokensOf(broker: Broker, first: Connection, now: () => number): BrokerProcess['token'] {
  return (body = {}, { connection = first.name, remaining = HTTPS_LIMIT, as = CALLER } = {}) => {
    const begunAt = now();
    const span = { begunAt, endsAt: begunAt + remaining };
    return broker.token({ caller: httpsCaller(as), connection, span, body: jsonBody(body) });
  };
}

function parseOne(name: string, entry: object): Connection {
  const options = { vendors: VENDORS, allowLoopbackHttp: true };
  return parseConnections({ connections: { [name]: entry } }, options).get(name)!;
}

async function demoSecret(vendors: SimulatedVendors, name: DemoClientName): Promise<object> {
  return (await vendors[DEMO_CLIENTS[name].vendor].clientSecrets())[name]!;
}
