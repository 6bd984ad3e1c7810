/** What a simulated vendor serves; faults and counts go by these names. */
export const ENDPOINTS = [
  'token',
  'authorize',
  'device',
  'verification',
  'revoke',
  'userinfo',
  'metadata',
  'api',
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** Grant types that are counted one by one; whatever else is asked for is counted as `other`. */
const GRANT_TYPES = [
  'client_credentials',
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
];

/** Requests of one kind: `answered` with a whole 2xx, `failed` with anything else; the rest are under way. */
export interface Tally {
  received: number;
  answered: number;
  failed: number;
}

/** Things that happened at the vendor, whether or not the client ever learnt of them. */
const EVENTS = [
  'mints',
  'refreshes',
  'code_exchanges',
  'device_authorizations',
  'polls',
  'revocations',
  'family_burns',
  'metadata_fetches',
  'redirects_followed',
] as const;
type VendorEvent = (typeof EVENTS)[number];

/** Counts as `GET /_simulator/requests` shows them; requests go by endpoint, then grant type or `none`. */
export type Counts = Record<VendorEvent, number> & {
  requests: Record<string, Record<string, Tally>>;
  in_flight: number;
  max_in_flight: number;
};

/** Counts what reaches one simulated vendor, from its start or the last reset. */
export class Counters {
  #counts: Counts = zero();

  /** A copy. */
  snapshot(): Counts {
    return structuredClone(this.#counts);
  }

  /** Requests received at one endpoint, of one grant type or of all. */
  received(endpoint: Endpoint, grantType?: string): number {
    const tallies = this.#counts.requests[endpoint] ?? {};
    const wanted = grantType === undefined ? Object.values(tallies) : [tallies[grantType]];
    return wanted.reduce((sum, tally) => sum + (tally?.received ?? 0), 0);
  }

  /** Requests under way stay counted as such. */
  reset(): void {
    const { in_flight } = this.#counts;
    this.#counts = { ...zero(), in_flight, max_in_flight: in_flight };
  }

  count(event: VendorEvent): void {
    this.#counts[event] += 1;
  }

  enter(): void {
    this.#counts.in_flight += 1;
    this.#counts.max_in_flight = Math.max(this.#counts.max_in_flight, this.#counts.in_flight);
  }

  leave(): void {
    this.#counts.in_flight -= 1;
  }

  /** Counts a request as received; the tally is where its outcome is to be counted. */
  receive(endpoint: Endpoint | 'unknown', grantType: string | undefined): Tally {
    const name = grantType === undefined ? 'none' : GRANT_TYPES.includes(grantType) ? grantType : 'other';
    this.#counts.requests[endpoint] ??= {};
    this.#counts.requests[endpoint][name] ??= { received: 0, answered: 0, failed: 0 };
    const tally = this.#counts.requests[endpoint][name];
    tally.received += 1;
    return tally;
  }
}

function zero(): Counts {
  const events = Object.fromEntries(EVENTS.map((event) => [event, 0])) as Record<VendorEvent, number>;
  return { ...events, requests: {}, in_flight: 0, max_in_flight: 0 };
}
