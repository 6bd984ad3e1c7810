import { type Growth, type Load, simulate } from './simulate.ts';

const MILLION = {
  grants: 1_000_000,
  requestsPerSecond: 100_000,
  environments: 10_000,
  shards: 8,
  consentedOver: 8 * 3_600,
  seconds: 4 * 3_600,
};
const LOADS: Readonly<Record<string, Load>> = {
  'consents over eight hours': MILLION,
  'consents within ten minutes': { ...MILLION, consentedOver: 600 },
  'after an hour without the vendor': { ...MILLION, consentedOver: 3_600, outage: 3_600 },
};

let simulated: readonly (readonly [name: string, load: Load, growth: Growth])[] | undefined;

/** What becomes of a million grants at 100,000 requests a second. */
export function growths(): NonNullable<typeof simulated> {
  simulated ??= Object.entries(LOADS).map(([name, load]) => [name, load, simulate(load)] as const);
  return simulated;
}
