/** Which faults there are, how often, and when they are over. */
import type { Random } from './random.ts';

/** Of one operation on a store. */
export type StoreFault =
  /** It is not applied, and the caller is told that the store is down. */
  | 'refused'
  /** It is applied, and the caller is told that the store is down. */
  | 'lost'
  /** The caller is told that the store is down; it is applied afterwards, if it still fits then. */
  | 'late'
  /** It takes seconds. */
  | 'slow';

/** Of one request to a vendor. */
export type VendorFault =
  /** No connection: nothing is sent. */
  | 'unreachable'
  /** The request never arrives. */
  | 'request lost'
  /** The vendor acts, and its answer never arrives. */
  | 'answer lost'
  /** The vendor acts after seconds, whether or not anybody still waits. */
  | 'slow'
  | 'throttled'
  /** 503, and nothing was done. */
  | 'unavailable'
  /** 500 after it was done. */
  | 'broken'
  /** 200 after it was done, with half an answer. */
  | 'garbled';

export type Service = 'grants' | 'tokens' | 'secrets' | 'vendor';

const STORE_FAULTS: readonly StoreFault[] = ['refused', 'lost', 'late', 'slow'];
const VENDOR_FAULTS: readonly VendorFault[] = [
  'unreachable',
  'request lost',
  'answer lost',
  'slow',
  'throttled',
  'unavailable',
  'broken',
  'garbled',
];

type Rates<Fault extends string> = readonly (readonly [Fault, number])[];

export class Weather {
  readonly random: Random;
  readonly #rates: Record<Service, Rates<string>>;
  readonly #outages = new Map<Service, number>();
  /** Milliseconds for which Secrets Manager may not show what was written. */
  secretsLag: number;
  #calm = false;

  /** Each run has some of the faults: where all are at once, they hide each other. */
  constructor(random: Random) {
    this.random = random;
    const harsh = random.chance(0.85);
    this.#rates = {
      grants: harsh ? rates(random, STORE_FAULTS) : [],
      tokens: harsh ? rates(random, STORE_FAULTS) : [],
      secrets: harsh ? rates(random, STORE_FAULTS) : [],
      vendor: harsh ? rates(random, VENDOR_FAULTS) : [],
    };
    this.secretsLag = random.chance(0.3) ? random.pick([1_000, 4_000]) : 0;
  }

  get calm(): boolean {
    return this.#calm;
  }

  /** From now on nothing fails. */
  clear(): void {
    this.#calm = true;
    this.#outages.clear();
    this.secretsLag = 0;
  }

  /** Nothing fails until `storm` is called: the beginning of a run is spent on having something to lose. */
  hold(): void {
    this.#calm = true;
  }

  storm(): void {
    this.#calm = false;
  }

  outage(service: Service, until: number): void {
    this.#outages.set(service, until);
  }

  ofStore(service: 'grants' | 'tokens' | 'secrets', now: number): StoreFault | undefined {
    if (this.#isOut(service, now)) return this.random.chance(0.8) ? 'refused' : 'late';
    return this.#draw(service) as StoreFault | undefined;
  }

  ofVendor(now: number): VendorFault | undefined {
    if (this.#isOut('vendor', now)) return this.random.pick(['unreachable', 'unavailable', 'request lost']);
    return this.#draw('vendor') as VendorFault | undefined;
  }

  #isOut(service: Service, now: number): boolean {
    return !this.#calm && (this.#outages.get(service) ?? 0) > now;
  }

  #draw(service: Service): string | undefined {
    if (this.#calm) return undefined;
    for (const [fault, rate] of this.#rates[service]) if (this.random.chance(rate)) return fault;
    return undefined;
  }
}

function rates<Fault extends string>(random: Random, faults: readonly Fault[]): Rates<Fault> {
  return faults.flatMap((fault) =>
    random.chance(0.3) ? [[fault, random.pick([0.01, 0.05, 0.2])] as const] : [],
  );
}
