/** `npm run bench`: what things cost, in ratios to each other. A new topic is a file and a line here. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { bundles } from './bundles.ts';
import { client } from './client.ts';
import { coldImport } from './cold-import.ts';
import { coldStart } from './cold-start.ts';
import { gateway } from './gateway.ts';
import { growth } from './growth/growth.ts';
import { herd } from './herd.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { mint } from './mint.ts';
import { judged, type Report, type Row, short, verdict } from './report.ts';
import { startUp } from './start-up.ts';
import { sweep } from './sweep.ts';
import type { Topic } from './topic.ts';
import { warm } from './warm.ts';

const TOPICS: Readonly<Record<string, Topic>> = {
  'start-up': startUp,
  bundles,
  'cold-import': coldImport,
  'cold-start': coldStart,
  memory,
  warm,
  latency,
  mint,
  client,
  herd,
  gateway,
  sweep,
  growth,
};

const USAGE = `Usage: npm run bench -- [TOPIC...] [--all] [--json]
       npm run bench -- --simulate [--json]

Measures what things cost, in ratios of one run. Some minutes in all; on a machine that does nothing else.

  TOPIC       ${Object.keys(TOPICS).join(', ')}; without any: all but growth
  --all       also what takes many minutes: a sweep of 50,000 grants
  --simulate  how the broker's rules behave with a million grants (the topic growth); nothing is measured
  --json      one object, instead of tables
  --help      this text
`;

const options = {
  all: { type: 'boolean' },
  simulate: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;
const { values, positionals } = parsed();
if (values.help) process.stdout.write(USAGE);
else await run(chosen(), values);

function chosen(): readonly string[] {
  if (values.simulate) return ['growth'];
  return positionals.length > 0 ? positionals : Object.keys(TOPICS).filter((name) => name !== 'growth');
}

function parsed() {
  try {
    const given = parseArgs({ options, allowPositionals: true });
    const unknown = given.positionals.find((name) => !Object.hasOwn(TOPICS, name));
    if (unknown !== undefined) throw new Error(`There is no topic ${unknown}.`);
    return given;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function run(
  names: readonly string[],
  { all = false, json = false }: { all?: boolean; json?: boolean },
): Promise<void> {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node.js ${process.version}`;
  const topics: Record<string, Report['topics'][string]> = {};
  if (!json) console.log(machine);
  for (const name of names) {
    const { title, measure } = TOPICS[name]!;
    if (!json) console.log(`\n${title}`);
    const rows = judged(await measure({ all }));
    topics[name] = { title, rows };
    if (!json) for (const row of rows) console.log(line(row));
  }
  const report: Report = { date: new Date().toISOString(), machine, topics };
  if (json) console.log(JSON.stringify(report, null, 2));
}

function line(row: Row): string {
  const { what, value, unit, quartiles, comparedWith, ratio } = row;
  const spread = quartiles ? `  (${quartiles.map(short).join(' to ')})` : '';
  const compared = ratio === undefined ? '' : `  ${ratio.toFixed(2)} × ${comparedWith}`;
  const judgement = row.goal ? `  [${verdict(row)}]` : '';
  return `  ${what.padEnd(50)}${short(value).padStart(8)} ${unit.padEnd(2)}${spread}${compared}${judgement}`;
}
