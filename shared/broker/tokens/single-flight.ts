import type { Clock } from '../../oauth/clock.ts';

/** One piece of work for one key: what was read at its start, and what came of it. */
export interface Flight<Seen, Outcome> {
  readonly seen: Promise<Seen>;
  readonly outcome: Promise<Outcome>;
}

/** Within a process, one flight per key at a time (invariant 1); requests that come meanwhile join it. */
export class SingleFlight<Seen, Outcome> {
  readonly #flights = new Map<string, Flight<Seen, Outcome> & { readonly startedAt: number }>();
  readonly #clock: Clock;
  readonly #longest: number;

  /** @param longest milliseconds after which a flight must be over: one that is older was frozen with its process */
  constructor(clock: Clock, longest: number) {
    this.#clock = clock;
    this.#longest = longest;
  }

  /** The flight under way, to join; one that a frozen process wakes up in the middle of is not joined (invariant 16). */
  underWay(key: string): Flight<Seen, Outcome> | undefined {
    const flight = this.#flights.get(key);
    return flight && this.#clock.now() - flight.startedAt < this.#longest ? flight : undefined;
  }

  /** Begins at once, so that a request in the same turn finds it under way. */
  start(
    key: string,
    read: () => Promise<Seen>,
    conclude: (seen: Seen) => Promise<Outcome>,
  ): Flight<Seen, Outcome> {
    const seen = read();
    const outcome = seen.then(conclude).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    // A request that waits for it handles its failure; it may be that none is waiting any more.
    outcome.catch(() => undefined);
    const flight = { seen, outcome, startedAt: this.#clock.now() };
    this.#flights.set(key, flight);
    return flight;
  }
}
