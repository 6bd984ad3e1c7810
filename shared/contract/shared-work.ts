/**
 * Work that callers at the same time share, by key. Work that must be over by now is that of a process which was frozen
 * in the middle of it: what comes of it belongs to the time before, and is not joined (invariant 16).
 */
export class SharedWork<Result> {
  readonly #underWay = new Map<string, { readonly result: Promise<Result>; readonly startedAt: number }>();
  readonly #now: () => number;
  readonly #longest: number;

  /** @param longest milliseconds after which work must be over */
  constructor(now: () => number, longest: number) {
    this.#now = now;
    this.#longest = longest;
  }

  /** The work that `join` would share. */
  underWay(key: string): Promise<Result> | undefined {
    const found = this.#underWay.get(key);
    return found && this.#now() - found.startedAt < this.#longest ? found.result : undefined;
  }

  join(key: string, work: () => Promise<Result>): Promise<Result> {
    const found = this.underWay(key);
    if (found) return found;
    const result = work().finally(() => {
      if (this.#underWay.get(key) === mine) this.#underWay.delete(key);
    });
    const mine = { result, startedAt: this.#now() };
    this.#underWay.set(key, mine);
    return result;
  }
}
