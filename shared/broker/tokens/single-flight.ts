/** One piece of work for one key: what was read at its start, and what came of it. */
export interface Flight<Seen, Outcome> {
  readonly seen: Promise<Seen>;
  readonly outcome: Promise<Outcome>;
}

/** Within a process, one flight per key at a time (invariant 1); requests that come meanwhile join it. */
export class SingleFlight<Seen, Outcome> {
  readonly #flights = new Map<string, Flight<Seen, Outcome>>();

  /** The flight under way, to join. */
  underWay(key: string): Flight<Seen, Outcome> | undefined {
    return this.#flights.get(key);
  }

  /** Begins at once, so that a request in the same turn finds it under way. */
  start(
    key: string,
    read: () => Promise<Seen>,
    conclude: (seen: Seen) => Promise<Outcome>,
  ): Flight<Seen, Outcome> {
    const seen = read();
    const outcome = seen.then(conclude).finally(() => this.#flights.delete(key));
    const flight = { seen, outcome };
    this.#flights.set(key, flight);
    return flight;
  }
}
