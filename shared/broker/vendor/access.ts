/**
 * What every call to a vendor needs: where its endpoints are, who we are there, and by when to be done.
 */

import { randomUUID } from 'node:crypto';
import type { Connection } from '../../connections/connection.ts';
import { VendorError } from '../../contract/errors.ts';
import { present } from '../../contract/present.ts';
import type { ClientCall } from '../../oauth/client-request.ts';
import type { Discovery } from '../../oauth/discovery.ts';
import type { Budget, Exchange } from '../../oauth/exchange.ts';
import type { Endpoints } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import type { BrokerEvent, Observe } from '../events.ts';
import type { Lease } from '../ports.ts';
import type { Found, Span } from '../request.ts';
import { type ClientParts, type Clients, clients } from './client.ts';
import { busy } from './failure.ts';

export interface VendorAccessParts extends ClientParts {
  readonly discovery: Discovery;
  readonly observe: Observe;
  /** How vendors are reached; absent: over the network. */
  readonly exchange?: Exchange;
}

/** One acquisition: its lease, and the time within which all that belongs to it happens (invariant 2). */
export interface Acquisition {
  readonly lease: Lease;
  /** For the exchanges with the vendor; ends before the deadline by what the store writes need. */
  readonly budget: Budget;
  /** By when the last store write must have been tried. Milliseconds since the epoch. */
  readonly deadline: number;
}

export interface VendorAccess extends Clients {
  /** @throws BrokerError `busy` when the invocation has too little time left to begin */
  acquire(span: Pick<Span, 'endsAt'>): Acquisition;
  endpoints(connection: Connection, vendor: Vendor, budget: Budget): Promise<Endpoints>;
  /** `withClient` and `timed` around one call: `use` gets all that an authenticated request needs. */
  asClient<T>(
    found: Found,
    purpose: VendorCall['purpose'],
    budget: Budget,
    use: (call: ClientCall) => Promise<T>,
  ): Promise<T>;
  /** Reports duration and outcome of one call. */
  timed<T>(connection: Connection, purpose: VendorCall['purpose'], call: () => Promise<T>): Promise<T>;
}

type VendorCall = Extract<BrokerEvent, { type: 'vendor_call' }>;

export function vendorAccess(parts: VendorAccessParts): VendorAccess {
  const { clock, timing, observe, exchange } = parts;
  const known = clients(parts);

  return { ...known, acquire, endpoints, asClient, timed };

  function acquire({ endsAt }: Pick<Span, 'endsAt'>): Acquisition {
    const deadline = clock.now() + timing.deadline;
    if (deadline > endsAt) throw busy('Too little time is left to ask the vendor. Try again.');
    const { attemptTimeout, attempts, storeReserve, clockSkew } = timing;
    return {
      lease: { id: randomUUID(), until: deadline + clockSkew },
      budget: {
        clock,
        deadline: deadline - storeReserve,
        attemptTimeout,
        attempts,
        ...(exchange && { exchange }),
      },
      deadline,
    };
  }

  async function endpoints(connection: Connection, vendor: Vendor, budget: Budget): Promise<Endpoints> {
    const server = vendor.server(connection);
    if ('tokenEndpoint' in server) return server;
    try {
      const found = await parts.discovery.find(discovered(connection, server), budget);
      return { ...found, ...server.explicit };
    } catch (error) {
      throw atStep('discovery', error);
    }
  }

  /** Endpoints move: metadata that leads to one that is not there is not believed for its hour. */
  function doubtIfGone({ connection, vendor }: Found, error: unknown): void {
    const server = vendor.server(connection);
    if (!('tokenEndpoint' in server) && isGone(error)) parts.discovery.doubt(discovered(connection, server));
  }

  function asClient<T>(
    found: Found,
    purpose: VendorCall['purpose'],
    budget: Budget,
    use: (call: ClientCall) => Promise<T>,
  ): Promise<T> {
    const { connection, vendor } = found;
    const { clientAuth } = connection;
    const { dialect } = vendor;
    return known.withClient(connection, (client) =>
      timed(connection, purpose, async () => {
        const call = {
          endpoints: await endpoints(connection, vendor, budget),
          client,
          clientAuth,
          dialect,
          budget,
        };
        return use(call).catch((error: unknown) => {
          doubtIfGone(found, error);
          throw error;
        });
      }),
    );
  }

  async function timed<T>(
    connection: Connection,
    purpose: VendorCall['purpose'],
    call: () => Promise<T>,
  ): Promise<T> {
    const begun = clock.now();
    const report = (outcome: VendorCall['outcome'], vendorError?: string) =>
      observe({
        type: 'vendor_call',
        connection: connection.name,
        vendor: connection.vendor,
        purpose,
        outcome,
        ...present({ vendorError }),
        duration: clock.now() - begun,
      });
    try {
      const answer = await call();
      report('success');
      return answer;
    } catch (error) {
      if (error instanceof VendorError) report(error.code, error.vendorError);
      throw atStep(purpose, error);
    }
  }
}

type Discovered = Exclude<ReturnType<Vendor['server']>, Endpoints>;

function discovered(connection: Connection, { issuer, endpointHosts = [] }: Discovered) {
  return { issuer, endpointHosts: [...connection.endpointHosts, ...endpointHosts] };
}

/** Nothing is there any more, or nobody could be reached there. */
function isGone(error: unknown): boolean {
  if (!(error instanceof VendorError)) return false;
  const { vendorStatus, code, ambiguous } = error;
  return (
    vendorStatus === 404 ||
    vendorStatus === 410 ||
    (code === 'vendor_unavailable' && !vendorStatus && !ambiguous)
  );
}

/** Says where a vendor failed, once: discovery happens within the calls that need it. */
function atStep(step: VendorCall['purpose'], error: unknown): unknown {
  if (error instanceof VendorError) error.step ??= step;
  return error;
}
