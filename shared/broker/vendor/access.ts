/**
 * What every call to a vendor needs: where its endpoints are, who we are there, and by when to be done.
 */

import { randomUUID } from 'node:crypto';
import type { Connection } from '../../connections/connection.ts';
import { BrokerError, VendorError } from '../../contract/errors.ts';
import { present } from '../../contract/present.ts';
import type { ClientCall } from '../../oauth/client-request.ts';
import { parseClient } from '../../oauth/client-secret.ts';
import type { Budget, Clock } from '../../oauth/clock.ts';
import type { Discovery } from '../../oauth/discovery.ts';
import type { Exchange } from '../../oauth/exchange.ts';
import type { Client, Endpoints } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import type { BrokerEvent, Observe } from '../events.ts';
import type { Lease, Secrets, SecretVersion } from '../ports.ts';
import type { Found, Span } from '../request.ts';
import type { Timing } from '../times.ts';
import { busy } from './failure.ts';
import type { ClientRefusals } from './refusals.ts';

export interface VendorAccessParts {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly secrets: Secrets;
  readonly refusals: ClientRefusals;
  readonly discover: Discovery;
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

export interface VendorAccess {
  /** @throws BrokerError `busy` when the invocation has too little time left to begin */
  acquire(span: Pick<Span, 'endsAt'>): Acquisition;
  endpoints(connection: Connection, vendor: Vendor, budget: Budget): Promise<Endpoints>;
  /**
   * Runs `use` with the connection's client. On `invalid_client` the secret is read past the cache, then its
   * pending and previous versions, each tried once (invariant 8); the refusal is remembered, and while it is,
   * `use` is not run.
   */
  withClient<T>(connection: Connection, use: (client: Client) => Promise<T>): Promise<T>;
  /** Whether the secret has a version other than the refused one; read past the cache at most every `secretRecheck`. */
  hasNewSecret(connection: Connection, refusedVersion: string): Promise<boolean>;
  /** The version that would be used now; `undefined` when the secret cannot be read. */
  secretVersion(connection: Connection): Promise<string | undefined>;
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
  const { clock, timing, secrets, refusals, observe, exchange } = parts;
  const recheckedAt = new Map<string, number>();

  return { acquire, endpoints, withClient, hasNewSecret, secretVersion, asClient, timed };

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
    const { issuer, endpointHosts = [] } = server;
    return parts.discover(issuer, [...connection.endpointHosts, ...endpointHosts], budget);
  }

  async function withClient<T>(connection: Connection, use: (client: Client) => Promise<T>): Promise<T> {
    let version = await secrets.read(connection.secret);
    const refused = await refusals.standing(connection.name, version.versionId);
    if (refused) {
      if (!(await hasNewSecret(connection, version.versionId))) throw refused;
      version = await secrets.read(connection.secret);
    }
    try {
      return await tryVersions(connection, version, use);
    } catch (error) {
      if (isInvalidClient(error)) {
        // The first version tried may have come from an outdated cache: the refusal is of the current one.
        const refusedVersion = (await secretVersion(connection)) ?? version.versionId;
        await refusals.remember(connection.name, error, refusedVersion);
      }
      throw error;
    }
  }

  async function tryVersions<T>(
    connection: Connection,
    first: SecretVersion,
    use: (client: Client) => Promise<T>,
  ): Promise<T> {
    const tried = new Set<string>();
    let refusal: unknown;
    const others = [
      async () => first,
      () => secrets.read(connection.secret, { fresh: true }),
      () => secrets.readStage(connection.secret, 'AWSPENDING'),
      () => secrets.readStage(connection.secret, 'AWSPREVIOUS'),
    ];
    for (const read of others) {
      const version = await read().catch((error: unknown) => {
        if (refusal === undefined) throw error;
        return undefined;
      });
      if (!version || tried.has(version.versionId)) continue;
      tried.add(version.versionId);
      try {
        return await use(await parseClient(version.value, connection.clientAuth, connection.secret));
      } catch (error) {
        if (refusal !== undefined && isNoStandIn(error)) continue;
        if (!isInvalidClient(error)) throw error;
        refusal ??= error;
        recheckedAt.set(connection.secret, clock.now());
      }
    }
    throw refusal;
  }

  async function hasNewSecret(connection: Connection, refusedVersion: string): Promise<boolean> {
    if ((await secretVersion(connection)) !== refusedVersion) return true;
    const last = recheckedAt.get(connection.secret) ?? Number.NEGATIVE_INFINITY;
    if (last + timing.secretRecheck > clock.now()) return false;
    recheckedAt.set(connection.secret, clock.now());
    return (await secrets.read(connection.secret, { fresh: true })).versionId !== refusedVersion;
  }

  async function secretVersion(connection: Connection): Promise<string | undefined> {
    const version = await secrets.read(connection.secret).catch(() => undefined);
    return version?.versionId;
  }

  function asClient<T>(
    { connection, vendor }: Found,
    purpose: VendorCall['purpose'],
    budget: Budget,
    use: (call: ClientCall) => Promise<T>,
  ): Promise<T> {
    const { clientAuth } = connection;
    const { dialect } = vendor;
    return withClient(connection, (client) =>
      timed(connection, purpose, async () =>
        use({ endpoints: await endpoints(connection, vendor, budget), client, clientAuth, dialect, budget }),
      ),
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
      throw error;
    }
  }
}

/** RFC 6749 §5.2: the one refusal that another version of the secret may mend. */
export function isInvalidClient(error: unknown): error is VendorError {
  return error instanceof VendorError && error.vendorError === 'invalid_client';
}

/** A version that is malformed, or of another client than the one that was consented to, changes no refusal. */
function isNoStandIn(error: unknown): boolean {
  return error instanceof BrokerError && ['secret_unavailable', 'consent_required'].includes(error.code);
}
