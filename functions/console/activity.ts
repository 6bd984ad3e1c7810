/** What a broker in this process did lately, in memory: it ends with the process, and is bounded. */
import type { BrokerEvent } from '../../shared/broker/events.ts';
import type { ActivityAnswer, ActivityEntry, ActivitySource, Minute } from './messages.ts';

const MOST_ENTRIES = 1_000;
/** A burst of requests must not push out what became of grants. */
const MOST_GRANT_ENTRIES = 300;
const MINUTES = 60;
/** Milliseconds. */
const MINUTE = 60_000;

type Counted = { -readonly [Name in keyof Minute]: number };

export const NOTHING: Minute = { served: 0, minted: 0, failed: 0 };

/** By connection, then by minute since the epoch. */
export type MinuteCounts = Map<string, Map<number, Counted>>;

export class Activity implements ActivitySource {
  readonly #now: () => number;
  readonly #entries: ActivityEntry[] = [];
  readonly #grants: ActivityEntry[] = [];
  #last = 0;
  /** Only of known names, since callers may make up any. */
  readonly #minutes: MinuteCounts;

  /** @param now milliseconds since the epoch */
  constructor(connections: Iterable<string>, now: () => number = Date.now) {
    this.#now = now;
    this.#minutes = new Map([...connections].map((name) => [name, new Map()]));
  }

  readonly add = (event: BrokerEvent, at = this.#now()): void => {
    // A sweep that found nothing due is no news.
    if (event.type === 'sweep' && event.due === 0) return;
    this.#last += 1;
    const entry = { number: this.#last, at, event };
    keep(this.#entries, entry, MOST_ENTRIES);
    if (event.type === 'grant') keep(this.#grants, entry, MOST_GRANT_ENTRIES);
    this.#count(event);
  };

  answer(after: number): ActivityAnswer {
    return {
      entries: this.#entries.filter(({ number }) => number > after),
      history: this.historyOf(this.#minutes),
      grants: this.#grants,
    };
  }

  #count(event: BrokerEvent): void {
    if (event.type !== 'audit' || event.action !== 'token') return;
    const minutes = this.#minutes.get(event.connection);
    if (!minutes) return;
    const current = Math.floor(this.#now() / MINUTE);
    for (const minute of minutes.keys()) if (minute <= current - MINUTES) minutes.delete(minute);
    const counts = minutes.get(current) ?? { ...NOTHING };
    counts[kindOf(event)] += 1;
    minutes.set(current, counts);
  }

  /** The last hour, by the minute. */
  historyOf(counts: MinuteCounts): ActivityAnswer['history'] {
    const first = Math.floor(this.#now() / MINUTE) - MINUTES + 1;
    const hours = [...counts].map(([name, minutes]) => {
      const hour = Array.from(
        { length: MINUTES },
        (_, index) => minutes.get(first + index) ?? { ...NOTHING },
      );
      return [name, hour] as const;
    });
    return Object.fromEntries(hours);
  }
}

function keep(entries: ActivityEntry[], entry: ActivityEntry, most: number): void {
  entries.push(entry);
  if (entries.length > most) entries.shift();
}

/** What a request for a token counts as. */
export function kindOf({
  outcome,
  source,
}: {
  outcome?: string | undefined;
  source?: string | undefined;
}): keyof Minute {
  if (outcome !== 'success') return 'failed';
  return source === 'vendor' ? 'minted' : 'served';
}
