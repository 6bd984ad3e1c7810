import { isIpLiteral, parseEndpoint } from '../connections/urls.ts';
import { VendorError } from '../contract/errors.ts';
import { isLoopback } from '../contract/loopback.ts';
import { MemoryCache } from '../contract/memory-cache.ts';
import { present } from '../contract/present.ts';
import { failureOf, type JsonObject, jsonObject } from './answer.ts';
import { withAttempts } from './attempts.ts';
import type { Clock } from './clock.ts';
import type { Budget } from './exchange.ts';
import { exchange } from './exchange.ts';
import { RETRY_AFTER_CAP } from './retry-after.ts';
import type { Endpoints } from './types.ts';

/** How long metadata is believed, in milliseconds. */
const METADATA_LIFE = 3_600_000;

/** How long it is used on while the server does not give it, and how often it is asked for meanwhile, in milliseconds. */
const STALE_LIFE = 86_400_000;
const LOOK_AGAIN = 60_000;

/** How long metadata is waited for where there is some to go on with, in milliseconds. */
const STALE_TIMEOUT = 2_000;

interface DiscoveryOptions {
  /** Hosts as a URL's `host` spells them, beside the issuer's own, on which endpoints may be. */
  readonly endpointHosts: readonly string[];
  /** The local program alone takes http, and addresses, on this machine. */
  readonly allowLoopbackHttp: boolean;
  readonly budget: Budget;
}

/** An authorization server, as its issuer and the hosts on which its endpoints may be (`DiscoveryOptions`). */
interface Server {
  readonly issuer: string;
  readonly endpointHosts: readonly string[];
}

export interface Discovery {
  /** @throws VendorError `vendor_unavailable` */
  find(server: Server, budget: Budget): Promise<Endpoints>;
  /** An endpoint that the metadata named is gone: it is looked for again, once a minute at most. */
  doubt(server: Server): void;
}

/**
 * Finds an authorization server's endpoints by RFC 8414, or where the server has no such document, by
 * OpenID Connect Discovery. A foreign endpoint in it would be sent the secret, so that every one is checked.
 * @throws VendorError `vendor_unavailable`, naming the member that is wrong
 */
export async function discover(issuer: string, options: DiscoveryOptions): Promise<Endpoints> {
  return readMetadata(await findMetadata(issuer, options), issuer, options);
}

/**
 * What an authorization server says of itself, nothing in it checked yet.
 * @throws VendorError `vendor_unavailable`
 */
export async function findMetadata(issuer: string, options: DiscoveryOptions): Promise<JsonObject> {
  const { origin, pathname, host, search } = checkUrl(issuer, 'The issuer', options);
  if (search !== '') throw unusable('The issuer must not have a query.');
  const path = pathname.replace(/\/$/, '');
  const metadata =
    (await fetchMetadata(`${origin}/.well-known/oauth-authorization-server${path}`, options.budget)) ??
    (await fetchMetadata(`${origin}${path}/.well-known/openid-configuration`, options.budget));
  if (metadata === undefined) throw unusable(`${host} has no authorization server metadata for ${issuer}.`);
  return metadata;
}

interface Known {
  readonly found: Promise<Endpoints>;
  readonly askedAt: number;
  readonly until: number;
}

/**
 * `discover` with metadata kept in this process; callers at the same time share one request. What was found is used on
 * for a day while the server does not give its metadata.
 */
export function createDiscovery(parts: {
  readonly clock: Clock;
  readonly allowLoopbackHttp: boolean;
}): Discovery {
  const { clock, allowLoopbackHttp } = parts;
  const known = new MemoryCache<Known>();
  const lastFound = new MemoryCache<{ readonly endpoints: Endpoints; readonly at: number }>();
  return { find, doubt };

  function find(server: Server, budget: Budget): Promise<Endpoints> {
    const key = keyOf(server);
    const entry = known.get(key);
    const now = clock.now();
    if (entry && now < entry.until) return entry.found;
    const found = look(key, server, budget);
    const fresh = { found, askedAt: now, until: now + METADATA_LIFE };
    known.put(key, fresh);
    found.catch(() => {
      if (known.get(key) === fresh) known.delete(key);
    });
    return found;
  }

  async function look(key: string, { issuer, endpointHosts }: Server, budget: Budget): Promise<Endpoints> {
    const last = lastFound.get(key);
    const stale = last && clock.now() < last.at + STALE_LIFE ? last.endpoints : undefined;
    // With something to go on with, little of the call's time is spent on looking.
    const patience = stale ? { ...budget, attempts: 1, attemptTimeout: STALE_TIMEOUT } : budget;
    try {
      const endpoints = await discover(issuer, { endpointHosts, allowLoopbackHttp, budget: patience });
      lastFound.put(key, { endpoints, at: clock.now() });
      return endpoints;
    } catch (error) {
      if (!stale) throw error;
      const now = clock.now();
      known.put(key, { found: Promise.resolve(stale), askedAt: now, until: now + LOOK_AGAIN });
      return stale;
    }
  }

  function doubt(server: Server): void {
    const key = keyOf(server);
    const entry = known.get(key);
    if (entry && clock.now() >= entry.askedAt + LOOK_AGAIN) known.delete(key);
  }
}

const keyOf = ({ issuer, endpointHosts }: Server) => JSON.stringify([issuer, endpointHosts]);

/** @returns `undefined` when the server has no such document there */
function fetchMetadata(url: string, budget: Budget): Promise<JsonObject | undefined> {
  const request = { method: 'GET', url, headers: { accept: 'application/json' }, secrets: [] } as const;
  return withAttempts(budget, 'idempotent', async () => {
    const answer = await exchange(request, budget);
    if (answer.status === 200) return jsonObject(answer.body);
    const failure = failureOf(answer);
    if (failure.code === 'vendor_unavailable') throw failure;
    return undefined;
  });
}

/** @throws VendorError `vendor_unavailable`, naming the member that is wrong */
export function readMetadata(metadata: JsonObject, issuer: string, options: DiscoveryOptions): Endpoints {
  const { host } = new URL(issuer);
  if (metadata.issuer !== issuer) {
    // RFC 8414 §3.3: identical, to the slash; a server that speaks for another must not be believed.
    throw unusable(`The metadata of ${host} is not for ${issuer}: its issuer must be identical.`);
  }
  const endpoint = (member: string): string | undefined => {
    const value = metadata[member] ?? undefined;
    return value === undefined ? undefined : checkEndpoint(value, member, host, options);
  };
  const tokenEndpoint = endpoint('token_endpoint');
  if (tokenEndpoint === undefined) throw unusable(`The metadata of ${host} has no token_endpoint.`);
  return present({
    issuer,
    tokenEndpoint,
    authorizationEndpoint: endpoint('authorization_endpoint'),
    deviceAuthorizationEndpoint: endpoint('device_authorization_endpoint'),
    // What a server merely offers, not every client may use.
    pushedAuthorizationRequestEndpoint:
      metadata.require_pushed_authorization_requests === true
        ? endpoint('pushed_authorization_request_endpoint')
        : undefined,
    revocationEndpoint: endpoint('revocation_endpoint'),
    userinfoEndpoint: endpoint('userinfo_endpoint'),
    assertionAlgorithms: names(metadata.token_endpoint_auth_signing_alg_values_supported),
    issInResponse: metadata.authorization_response_iss_parameter_supported === true,
  });
}

/** What is not a list of names says nothing. */
function names(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined;
}

/** @returns the URL as it is written there: client assertions carry it, character for character, as audience */
function checkEndpoint(
  value: unknown,
  member: string,
  issuerHost: string,
  options: DiscoveryOptions,
): string {
  const name = `${member} in the metadata of ${issuerHost}`;
  const url = checkUrl(value, name, options);
  const allowed = [issuerHost, ...options.endpointHosts];
  if (!allowed.includes(url.host)) {
    throw unusable(
      `${name} is on another host; allowed are ${allowed.join(', ')} (add hosts to endpoint_hosts).`,
    );
  }
  return value as string;
}

function checkUrl(value: unknown, name: string, options: DiscoveryOptions): URL {
  const url = typeof value === 'string' ? parseEndpoint(value, options) : undefined;
  if (url === undefined)
    throw unusable(`${name} must be an absolute https URL without credentials and fragment.`);
  if (isIpLiteral(url.hostname) && !(options.allowLoopbackHttp && isLoopback(url.hostname))) {
    throw unusable(`${name} must name a host, not an IP address.`);
  }
  return url;
}

/** Asking again at once would find the same, hence the long delay. */
function unusable(text: string): VendorError {
  return new VendorError('vendor_unavailable', text, { retryAfter: RETRY_AFTER_CAP });
}
