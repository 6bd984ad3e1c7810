/**
 * `npm run simulate -- --seed N` plays one seed and prints its history;
 * `npm run simulate -- [--from N] [--count N]` plays many and prints the first that fails.
 * The last line is a JSON object that says what was found, for programs.
 */
import { parseArgs } from 'node:util';
import { printed } from './print.ts';
import { type Run, simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    count: { type: 'string', default: '2000' },
    /** Go on after a failure, and only count. */
    all: { type: 'boolean', default: false },
  },
});

/** What many seeds came to: for each invariant that was broken, by which seeds. */
export interface Findings {
  seeds: number;
  broken: Record<string, number[]>;
}

// Nobody reads the stacks of errors that are part of the game.
Error.stackTraceLimit = values.seed === undefined ? 0 : 10;

const findings: Findings = { seeds: 0, broken: {} };

function note({ seed, violations }: Run): void {
  findings.seeds += 1;
  for (const invariant of new Set(violations.map((each) => each.invariant)))
    findings.broken[invariant] = [...(findings.broken[invariant] ?? []), seed];
}

if (values.seed !== undefined) {
  const run = await simulate(Number(values.seed));
  note(run);
  console.log(printed(run));
} else {
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.count); seed += 1) {
    const run = await simulate(seed);
    note(run);
    if (values.all || run.violations.length === 0) continue;
    console.log(printed(run));
    break;
  }
}
console.log(JSON.stringify(findings));
// Processes that were killed left promises and timers behind.
process.exit(Object.keys(findings.broken).length === 0 ? 0 : 1);
