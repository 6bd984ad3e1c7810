/** `npm run bench`: what things cost, in ratios to each other. A new topic is a file and a line here. */
import { coldImport } from './cold-import.ts';
import { latency } from './latency.ts';
import { startUp } from './start-up.ts';
import { sweep } from './sweep.ts';
import { throughput } from './throughput.ts';
import type { Measurement, Topic } from './topic.ts';

const TOPICS: readonly Topic[] = [startUp, coldImport, latency, throughput, sweep];

for (const { title, measure } of TOPICS) {
  console.log(`\n${title}`);
  const measurements = await measure();
  for (const measurement of measurements) console.log(line(measurement, measurements));
}

function line({ what, value, unit, comparedWith }: Measurement, others: readonly Measurement[]): string {
  const number = value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
  const base = others.find((other) => other.what === comparedWith);
  const ratio = base ? `  ${(value / base.value).toFixed(2)} × ${base.what}` : '';
  return `  ${what.padEnd(48)}${number.padStart(9)} ${unit.padEnd(3)}${ratio}`;
}
