import type { World } from '../world.ts';
import type { Finding, Invariant } from './invariant.ts';
import { MINTING } from './minting.ts';
import { RECOVERY } from './recovery.ts';
import { REFRESH_TOKENS } from './refresh-tokens.ts';
import { SERVING } from './serving.ts';
import { WRITES } from './writes.ts';

export interface Violation extends Finding {
  readonly invariant: string;
}

const INVARIANTS: readonly Invariant[] = [...WRITES, ...REFRESH_TOKENS, ...SERVING, ...MINTING, ...RECOVERY];

/** Everything that is wrong with a run. */
export function violationsOf(world: World): Violation[] {
  return INVARIANTS.flatMap(({ name, check }) =>
    check(world).map((finding) => ({ ...finding, invariant: name })),
  );
}
