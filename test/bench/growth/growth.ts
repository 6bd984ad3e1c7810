import { PRODUCTION } from '../../../shared/broker/times.ts';
import type { Measurement, Topic } from '../topic.ts';
import { requestsOf, tablesCost } from './capacity.ts';
import { growths } from './loads.ts';
import type { Growth, Load } from './simulate.ts';

/** `npm run bench -- --simulate` */
export const growth: Topic = {
  title:
    'Growth, simulated by the rules of production: a million grants, tokens of an hour, 100,000 requests a second',
  async measure() {
    return growths().flatMap(([name, load, growth]) => measured(name, load, growth));
  },
};

function measured(name: string, { requestsPerSecond, grants }: Load, growth: Growth): Measurement[] {
  const { vendorMean, vendorPeak, hitRate, memoryRate, leastLife, reads, writes } = growth;
  const mean = `${name}: vendor, mean`;
  const recheck = PRODUCTION.memoryRecheck / 1000;
  const { serving, logs } = requestsOf(requestsPerSecond, grants);
  const tables = tablesCost(growth);
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
    { what: `${name}: life left of a token given out, median, s`, value: growth.medianLife, unit: '' },
    { what: `${name}: the same, of all but 1 in 100, s`, value: growth.mostLife, unit: '' },
    { what: `${name}: the same, from the table, least, s`, value: leastLife, unit: '' },
    { what: `${name}: the same, from memory, least, s`, value: leastLife - recheck, unit: '' },
    {
      what: `${name}: % of what memory gives that is replaced, for ${recheck} s at most`,
      value: growth.replaced * 100,
      unit: '',
    },
    { what: `${name}: table, read units`, value: reads, unit: '/s' },
    { what: `${name}: table, write units`, value: writes, unit: '/s' },
    { what: `${name}: tables, $ a month`, value: tables, unit: '' },
    { what: `${name}: with API, Lambda and logs, $ a month`, value: tables + serving + logs, unit: '' },
  ];
}
