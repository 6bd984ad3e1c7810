/**
 * The one owner of time and order: everything that would wait for a clock, a disk or a network is an event here.
 * After an event that wakes somebody, all that can run without waiting has run before the next event begins.
 */

/** An event that is to come. */
export interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class Scheduler {
  /** The true time, in milliseconds since the epoch; no process sees it. */
  now: number;
  #order = 0;
  #woken = false;
  /** A binary heap, soonest first; of two at one time the one that was planned first. */
  readonly #queue: Timer[] = [];

  constructor(now: number) {
    this.now = now;
  }

  after(milliseconds: number, run: () => void): Timer {
    return this.at(this.now + milliseconds, run);
  }

  at(time: number, run: () => void): Timer {
    const timer = { at: Math.max(time, this.now), order: this.#order++, run, cancelled: false };
    this.#push(timer);
    return timer;
  }

  /** Says that the event has woken code that goes on by itself. */
  woke(): void {
    this.#woken = true;
  }

  /** Runs what is planned up to a time, and stops sooner where `until` says so. */
  async run(end: number, until: () => boolean = () => false): Promise<void> {
    await settled();
    while (!until()) {
      const next = this.#queue[0];
      if (!next || next.at > end) break;
      this.#pop();
      if (next.cancelled) continue;
      this.now = next.at;
      next.run();
      if (!this.#woken) continue;
      this.#woken = false;
      await settled();
    }
    if (!until()) this.now = Math.max(this.now, end);
  }

  #push(timer: Timer): void {
    const queue = this.#queue;
    let index = queue.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(timer, queue[parent]!)) break;
      queue[index] = queue[parent]!;
      index = parent;
    }
    queue[index] = timer;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop()!;
    if (queue.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && before(queue[child + 1]!, queue[child]!)) child += 1;
      if (!before(queue[child]!, last)) break;
      queue[index] = queue[child]!;
      index = child;
    }
    queue[index] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves once every promise that could go on has gone on: they all come before Node's next round. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
