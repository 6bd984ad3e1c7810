/** Entries, where nothing else is said. */
export const CAPACITY = 1_000;

/** A bounded map: the least recently used entry goes first. */
export class MemoryCache<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #capacity: number;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get(key: string): Value | undefined {
    const found = this.#entries.get(key);
    // A Map keeps insertion order: putting an entry back makes it the most recently used.
    if (found !== undefined) this.put(key, found);
    return found;
  }

  put(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#capacity) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Deletes every entry that is unwanted. */
  forget(unwanted: (value: Value) => boolean): void {
    for (const [key, value] of this.#entries) if (unwanted(value)) this.#entries.delete(key);
  }
}
