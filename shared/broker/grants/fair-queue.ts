import type { GrantKey } from '../ports.ts';

/** The grants of one connection that wait for their turn. */
interface Line {
  readonly keys: GrantKey[];
  /** How many of `keys` were taken. */
  taken: number;
  underWay: number;
}

/**
 * Grants to look after, handed out so that neither a large connection nor a slow vendor keeps the others waiting: the
 * next one is always of the connection that has the fewest under way.
 */
export class FairQueue {
  /** Of every connection that has grants under way or waiting. */
  readonly #lines = new Map<string, Line>();
  /** The lines in which some wait. */
  readonly #waiting = new Set<Line>();

  constructor(keys: Iterable<GrantKey>) {
    for (const key of keys) {
      const line = this.#lines.get(key.connection) ?? { keys: [], taken: 0, underWay: 0 };
      line.keys.push(key);
      this.#lines.set(key.connection, line);
      this.#waiting.add(line);
    }
  }

  /** `undefined` when none waits. Whoever took one says `done` of it. */
  take(): GrantKey | undefined {
    let next: Line | undefined;
    for (const line of this.#waiting) if (!next || line.underWay < next.underWay) next = line;
    if (!next) return undefined;
    const key = next.keys[next.taken]!;
    next.taken += 1;
    next.underWay += 1;
    if (next.taken === next.keys.length) this.#waiting.delete(next);
    return key;
  }

  done({ connection }: GrantKey): void {
    this.#lines.get(connection)!.underWay -= 1;
  }
}
