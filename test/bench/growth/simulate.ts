/**
 * What the broker's own rules make of many grants and many requests, second by second of simulated hours. When a grant is
 * renewed is decided by `dueAfter`, the function that decides it in production; what a sweep manages in a second and how
 * requests spread is assumed, and said.
 *
 * Every grant is one number, and stands in the list of the second in which it is due, so that a second costs what happens
 * in it. Requests are not drawn: they come evenly, and what they find is their expectation.
 */
import { dueAfter } from '../../../shared/broker/grants/states.ts';
import type { Grant } from '../../../shared/broker/ports.ts';
import { PRODUCTION } from '../../../shared/broker/times.ts';
import { parseConnections } from '../../../shared/connections/parse.ts';
import { CAPACITY } from '../../../shared/contract/memory-cache.ts';
import { Redacted } from '../../../shared/contract/redacted.ts';
import type { Token } from '../../../shared/oauth/token.ts';
import { VENDORS } from '../../../shared/vendors/index.ts';

export interface Load {
  readonly grants: number;
  readonly requestsPerSecond: number;
  /** Execution environments of the token function, among which requests are spread. */
  readonly environments: number;
  readonly shards: number;
  /** Seconds over which people consented; after that nobody does. */
  readonly consentedOver: number;
  /** Seconds right after that in which no vendor answers. */
  readonly outage?: number;
  /** Seconds that are counted, from two lives of a token after all that. */
  readonly seconds: number;
  readonly seed?: number;
}

export interface Growth {
  /** Refreshes a second, in each ten seconds from the last consent on. */
  readonly vendor: readonly number[];
  /** Of those that are counted. */
  readonly vendorMean: number;
  readonly vendorPeak: number;
  /** Share of requests that wait for no vendor, and of those that do not even wait for the table. */
  readonly hitRate: number;
  readonly memoryRate: number;
  /** Seconds of life that a token had left when it was replaced, at the least; below 0 callers waited. */
  readonly leastLife: number;
  /** Seconds of life left of the tokens that the table gives out: of half of them at least, and of all but one in a hundred. */
  readonly medianLife: number;
  readonly mostLife: number;
  /** Of what memory gives out, the share that the table has replaced, `memoryRecheck` ago at most. */
  readonly replaced: number;
  /** Units of the table a second, by requests and sweeps. */
  readonly reads: number;
  readonly writes: number;
}

/** Seconds that all four vendors' tokens live (their pages). */
export const LIFE = 3_600;
/** Renewals that one sweep manages in a second, as `npm run bench -- sweep` measures on one core, with a wide margin. */
export const SWEEP_RATE = 150;
/**
 * Units of the table. The grant is read; its lease and its answer are written, each larger than one kilobyte, and moved
 * in the index of what is due: out of one place, into another.
 */
export const RENEWAL = { reads: 2, writes: 2 * (2 + 2) };
/** Seconds, over which "a second" is a mean: vendors count by ten or more. */
const WINDOW = 10;

export function simulate(load: Load): Growth {
  const { grants, consentedOver, seconds, shards, requestsPerSecond } = load;
  const answered = consentedOver + (load.outage ?? 0);
  const begun = answered + 2 * LIFE;
  const end = begun + seconds;
  const due = new Calendar();
  const policy = duePolicy(load.seed ?? 1);
  for (let grant = 0; grant < grants; grant += 1) {
    const consented = (grant * consentedOver) / grants;
    due.put(policy(consented), consented + LIFE);
  }
  const vendor = new Float64Array(Math.ceil((end - consentedOver) / WINDOW));
  const replacedWith = new Int32Array(LIFE);
  let leastLife = LIFE;
  let waited = 0;
  for (let second = 0; second < end; second += 1) {
    if (second >= consentedOver && second < answered) continue;
    // What there is no time for comes first in the next second.
    for (let room = shards * SWEEP_RATE; room > 0; room -= 1) {
      const expiry = due.take(second);
      if (expiry === undefined) break;
      due.put(policy(second, due.second), second + LIFE);
      if (second < consentedOver) continue;
      vendor[Math.floor((second - consentedOver) / WINDOW)]! += 1 / WINDOW;
      if (second < begun) continue;
      const left = expiry - second;
      leastLife = Math.min(leastLife, left);
      replacedWith[Math.max(0, Math.floor(left))]! += 1;
      // One caller asks the vendor, and those who come meanwhile wait for it.
      if (left < PRODUCTION.minimumLife / 1000) waited += 1 + requestsPerSecond / grants;
    }
  }
  const counted = vendor.subarray(Math.ceil((begun - consentedOver) / WINDOW));
  const renewals = counted.reduce((sum, rate) => sum + rate, 0) / counted.length;
  const memoryRate = fromMemory(load);
  return {
    vendor: [...vendor],
    vendorMean: renewals,
    vendorPeak: Math.max(...counted),
    hitRate: 1 - waited / (requestsPerSecond * seconds),
    memoryRate,
    leastLife,
    medianLife: lifeLeft(replacedWith, 0.5),
    mostLife: lifeLeft(replacedWith, 0.01),
    // What memory holds is half as old as it may be, on average.
    replaced: (renewals / grants) * (PRODUCTION.memoryRecheck / 2_000),
    reads: requestsPerSecond * (1 - memoryRate) + renewals * RENEWAL.reads,
    writes: renewals * RENEWAL.writes,
  };
}

/**
 * Requests find a token at any second of its life until it was replaced.
 * @param replacedWith tokens that were replaced with so many seconds of life left
 * @returns seconds; of this share of requests the token has less
 */
function lifeLeft(replacedWith: Int32Array, share: number): number {
  const all = replacedWith.reduce((sum, count, left) => sum + count * (LIFE - left), 0);
  let found = 0;
  let tokens = 0;
  return replacedWith.findIndex((count) => {
    tokens += count;
    found += tokens;
    return found >= all * share;
  });
}

/**
 * Of evenly spread requests: each process asks the table once for a grant, and then not again until `memoryRecheck` is over
 * or so many others were asked for that this one was forgotten.
 */
export function fromMemory({
  grants,
  requestsPerSecond,
  environments,
}: Pick<Load, 'grants' | 'requestsPerSecond' | 'environments'>): number {
  const each = requestsPerSecond / environments;
  const kept = Math.min(PRODUCTION.memoryRecheck / 1000, grants <= CAPACITY ? Infinity : CAPACITY / each);
  const again = (each / grants) * kept;
  return again / (1 + again);
}

/** @returns seconds at which a grant that was renewed now, and was due then, is due by the rules of production */
function duePolicy(seed: number): (now: number, wasDue?: number) => number {
  const file = { connections: { portal: { vendor: 'bugfender', grant: 'authorization_code' } } };
  const connection = parseConnections(file, { vendors: VENDORS, allowLoopbackHttp: false }).get('portal')!;
  const vendor = VENDORS[connection.vendor]!;
  const grant = { refreshToken: new Redacted('refresh'), tokens: {}, scopes: [] } as unknown as Grant;
  const random = seeded(seed);
  return (now, wasDue) => {
    const token = { expiresAt: (now + LIFE) * 1000 } as Token;
    const policy = { connection, vendor, timing: PRODUCTION, now: now * 1000 };
    const before = Math.random;
    Math.random = random;
    try {
      if (wasDue === undefined) return dueAfter(grant, token, policy) / 1000;
      return dueAfter(grant, token, { ...policy, wasDue: wasDue * 1000 }) / 1000;
    } finally {
      Math.random = before;
    }
  };
}

/** Mulberry32: the same figures in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** For each second the grants that are due in it, each as the second in which its token ends. */
class Calendar {
  readonly #seconds: number[][] = [];
  #oldest = 0;

  put(second: number, expiry: number): void {
    this.#seconds[Math.floor(second)] ??= [];
    this.#seconds[Math.floor(second)]!.push(expiry);
  }

  /** In which the one was due that was taken last. */
  get second(): number {
    return this.#oldest;
  }

  /** The one that is due first, by this second. */
  take(second: number): number | undefined {
    while (this.#oldest < second && !this.#seconds[this.#oldest]?.length) this.#oldest += 1;
    return this.#seconds[this.#oldest]?.pop();
  }
}
