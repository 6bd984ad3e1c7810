import { bundle, PROGRAMS } from '../../infra/bundling/bundle.ts';
import type { Measurement, Topic } from './topic.ts';

/** The function that answers callers, whose contents are shown. */
const SHOWN = 'token-https';
const GOAL = { atMost: 260 };

/** What Lambda loads at a cold start, and of what it consists. */
export const bundles: Topic = {
  title: `Size of the bundles, and what is in ${SHOWN}`,
  async measure() {
    const sizes = PROGRAMS.map((program) => kilobytes(program, bundle(program).code.length, GOAL));
    const shares: Record<string, number> = {};
    for (const [file, bytes] of Object.entries(bundle(SHOWN).inputs))
      shares[ownerOf(file)] = (shares[ownerOf(file)] ?? 0) + bytes;
    const contents = Object.entries(shares)
      .filter(([, bytes]) => bytes >= 1_000)
      .sort(([, a], [, b]) => b - a)
      .map(([owner, bytes]) => kilobytes(`in ${SHOWN}: ${owner}`, bytes));
    return [...sizes, ...contents];
  },
};

function kilobytes(what: string, bytes: number, goal?: Measurement['goal']): Measurement {
  return { what, value: bytes / 1_000, unit: 'KB', ...(goal && { goal }) };
}

/** A package, both of the SDK's families as one, or a room of the broker. */
function ownerOf(file: string): string {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
  if (name) return /^@(?:aws-sdk|smithy|aws)\//.test(name) ? 'AWS SDK' : name;
  return /^(?:shared\/[^/]+|functions|infra)/.exec(file)?.[0] ?? 'module wrappers';
}
