/** What a broker in this process did lately, in memory: it ends with the process, and is bounded. */
import type { BrokerEvent } from '../../shared/broker/events.ts';
import type { ActivityAnswer, ActivityEntry, Minute } from './messages.ts';

const MOST_ENTRIES = 1_000;
/** A burst of requests must not push out what became of grants. */
const MOST_GRANT_ENTRIES = 300;
const MINUTES = 60;
/** Milliseconds. */
const MINUTE = 60_000;

type Counted = { -readonly [Name in keyof Minute]: number };

export class Activity {
  readonly #now: () => number;
  readonly #entries: ActivityEntry[] = [];
  readonly #grants: ActivityEntry[] = [];
  #last = 0;
  /** By connection, then by minute since the epoch. Only of known names, since callers may make up any. */
  readonly #minutes: ReadonlyMap<string, Map<number, Counted>>;

  /** @param now milliseconds since the epoch */
  constructor(connections: Iterable<string>, now: () => number = Date.now) {
    this.#now = now;
    this.#minutes = new Map([...connections].map((name) => [name, new Map()]));
  }

  readonly add = (event: BrokerEvent): void => {
    // A sweep that found nothing due is no news.
    if (event.type === 'sweep' && event.due === 0) return;
    this.#last += 1;
    const entry = { number: this.#last, at: this.#now(), event };
    keep(this.#entries, entry, MOST_ENTRIES);
    if (event.type === 'grant') keep(this.#grants, entry, MOST_GRANT_ENTRIES);
    this.#count(event);
  };

  /** @param after the number of the last entry that is known already */
  answer(after: number): ActivityAnswer {
    return {
      entries: this.#entries.filter(({ number }) => number > after),
      history: Object.fromEntries([...this.#minutes.keys()].map((name) => [name, this.#hourOf(name)])),
      grants: this.#grants,
    };
  }

  #count(event: BrokerEvent): void {
    if (event.type !== 'audit' || event.action !== 'token') return;
    const minutes = this.#minutes.get(event.connection);
    if (!minutes) return;
    const current = Math.floor(this.#now() / MINUTE);
    for (const minute of minutes.keys()) if (minute <= current - MINUTES) minutes.delete(minute);
    const counts = minutes.get(current) ?? { served: 0, minted: 0, failed: 0 };
    counts[kindOf(event)] += 1;
    minutes.set(current, counts);
  }

  #hourOf(name: string): Minute[] {
    const first = Math.floor(this.#now() / MINUTE) - MINUTES + 1;
    const minutes = this.#minutes.get(name);
    return Array.from(
      { length: MINUTES },
      (_, index) => minutes?.get(first + index) ?? { served: 0, minted: 0, failed: 0 },
    );
  }
}

function keep(entries: ActivityEntry[], entry: ActivityEntry, most: number): void {
  entries.push(entry);
  if (entries.length > most) entries.shift();
}

function kindOf({ outcome, source }: Extract<BrokerEvent, { type: 'audit' }>): keyof Minute {
  if (outcome !== 'success') return 'failed';
  return source === 'vendor' ? 'minted' : 'served';
}
