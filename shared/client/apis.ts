import type { ConnectionAnswer } from '../contract/messages.ts';
import { TokenBrokerError } from './errors.ts';

/** Where a connection's tokens may go, and what its API answers to one that is no good. */
export interface VendorApi {
  /** Hosts as `URL.host` has them: in lower case, with the port unless it is the scheme's own. */
  readonly hosts: readonly string[];
  readonly rejectionStatuses: readonly number[];
}

export interface ApisParts {
  readonly apiHosts: Readonly<Record<string, readonly string[]>>;
  readonly rejectionStatuses: Readonly<Record<string, readonly number[]>>;
  /** Absent where the broker cannot be asked. */
  readonly describe: ((connection: string) => Promise<ConnectionAnswer>) | undefined;
  readonly now: () => number;
}

/** Milliseconds for which what the broker said is not asked again. */
const KEPT = 300_000;

/** RFC 6750 §3.1: an expired, revoked or malformed token. */
const UNAUTHORIZED = [401];

/** @throws TokenBrokerError */
export function vendorApis({ apiHosts, rejectionStatuses, describe, now }: ApisParts) {
  const learnt = new Map<string, { readonly api: Promise<VendorApi>; readonly until: number }>();

  return async (connection: string): Promise<VendorApi> => {
    const given = Object.hasOwn(apiHosts, connection) ? apiHosts[connection] : undefined;
    if (given) {
      const statuses = Object.hasOwn(rejectionStatuses, connection)
        ? rejectionStatuses[connection]
        : undefined;
      return { hosts: given, rejectionStatuses: statuses ?? UNAUTHORIZED };
    }
    if (!describe) throw unknownHosts(connection);
    const known = learnt.get(connection);
    if (known && now() < known.until) return known.api;
    const api = describe(connection).then(({ api_hosts, rejection_statuses }) => ({
      hosts: api_hosts,
      rejectionStatuses: rejection_statuses,
    }));
    learnt.set(connection, { api, until: now() + KEPT });
    api.catch(() => learnt.delete(connection));
    return api;
  };
}

function unknownHosts(connection: string): TokenBrokerError {
  return new TokenBrokerError(
    'host_not_allowed',
    `Nothing says where tokens of ${connection} may be sent, and a direct invoke cannot ask: pass ` +
      `apiHosts: { '${connection}': ['api.example.com'] } to createTokenClient.`,
  );
}
