import { HOURS, PRICES } from '../../../infra/cost.ts';
import type { Measurement, Topic } from '../topic.ts';
import { UNITS_PER_WRITE } from './capacity.ts';
import { type Load, simulate } from './simulate.ts';

/** A month, as AWS bills it; seconds. */
const MONTH = HOURS * 3_600;
const UNITS = { read: 1, write: UNITS_PER_WRITE };

const MILLION = {
  grants: 1_000_000,
  requestsPerSecond: 100_000,
  environments: 10_000,
  shards: 8,
  consentedOver: 24 * 3_600,
  seconds: 4 * 3_600,
};
const LOADS: Readonly<Record<string, Load>> = {
  'consents over a day': MILLION,
  'consents within ten minutes': { ...MILLION, consentedOver: 600 },
  'after an hour without the vendor': { ...MILLION, outage: 3_600 },
};

/** `npm run bench -- --simulate` */
export const growth: Topic = {
  title:
    'Growth, simulated by the rules of production: a million grants, tokens of an hour, 100,000 requests a second',
  async measure() {
    return Object.entries(LOADS).flatMap(([name, load]) => measured(name, load));
  },
};

function measured(name: string, load: Load): Measurement[] {
  const { vendorMean, vendorPeak, hitRate, memoryRate, leastLife, reads, writes } = simulate(load);
  const mean = `${name}: vendor, mean`;
  const tables = reads * UNITS.read * PRICES.tableReadUnit + writes * UNITS.write * PRICES.tableWriteUnit;
  return [
    { what: mean, value: vendorMean, unit: '/s' },
    {
      what: `${name}: vendor, most in ten seconds`,
      value: vendorPeak,
      unit: '/s',
      comparedWith: mean,
      goal: { atMost: 1.2 },
    },
    {
      what: `${name}: % of requests that wait for no vendor`,
      value: hitRate * 100,
      unit: '',
      goal: { atLeast: 99.9 },
    },
    { what: `${name}: % of requests from memory`, value: memoryRate * 100, unit: '' },
    { what: `${name}: least life of a token replaced, s`, value: leastLife, unit: '' },
    { what: `${name}: table, read units`, value: reads * UNITS.read, unit: '/s' },
    { what: `${name}: table, write units`, value: writes * UNITS.write, unit: '/s' },
    { what: `${name}: tables, $ a month`, value: tables * MONTH, unit: '' },
  ];
}
