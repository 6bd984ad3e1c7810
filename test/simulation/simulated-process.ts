import type { Clock } from '../../shared/oauth/clock.ts';
import type { ProcessChange } from './history.ts';
import type { Random } from './random.ts';
import type { Scheduler, Timer } from './scheduler.ts';

/** What may befall a process at any of its awaits, as probabilities. */
export interface Fates {
  kill: number;
  freeze: number;
}

export interface ProcessParts {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly fates: Fates;
  /** How far its wall clock is ahead of the true time, in milliseconds. */
  readonly skew: number;
  readonly tell: (what: ProcessChange['what'], milliseconds?: number) => void;
}

/** Freezes, in milliseconds: some shorter than a lease, most longer. */
export const FREEZES = [3_000, 12_000, 31_000, 45_000, 90_000, 400_000];

/**
 * A process of the broker, seen from below: it goes on only through `resume`, and there it may be dead (and then never
 * goes on) or frozen (and then goes on much later, its clock ahead by as much).
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  diedAt: number | undefined;
  #thawing: Timer | undefined;
  /** What goes on after the thaw. */
  #waiting: (() => void)[] = [];
  readonly #parts: ProcessParts;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.name = parts.name;
    const { scheduler, skew } = parts;
    this.clock = {
      now: () => scheduler.now + skew,
      sleep: (milliseconds, signal) => this.sleep(milliseconds, signal),
    };
    parts.tell('started', skew);
  }

  get running(): boolean {
    return !this.dead && !this.frozen;
  }

  get frozen(): boolean {
    return this.#thawing !== undefined;
  }

  get dead(): boolean {
    return this.diedAt !== undefined;
  }

  kill(): void {
    if (this.dead) return;
    this.diedAt = this.#parts.scheduler.now;
    this.#parts.tell('killed');
  }

  freeze(milliseconds: number): void {
    if (!this.running) return;
    this.#thawing = this.#parts.scheduler.after(milliseconds, () => this.thaw());
    this.#parts.tell('frozen', milliseconds);
  }

  /** What has waited for it goes on in any order: timers and answers are both there by then. */
  thaw(): void {
    if (!this.#thawing || this.dead) return;
    const { scheduler, random, tell } = this.#parts;
    this.#thawing.cancelled = true;
    this.#thawing = undefined;
    tell('thawed');
    for (const run of this.#waiting.splice(0)) scheduler.after(random.next(), () => this.resume(run));
  }

  /** Lets code of this process go on, if and when it can. */
  resume(run: () => void): void {
    const { scheduler, random, fates } = this.#parts;
    if (this.dead) return;
    if (!this.frozen && fates.kill > 0 && random.chance(fates.kill)) {
      this.kill();
      return;
    }
    if (fates.freeze > 0 && random.chance(fates.freeze)) this.freeze(random.pick(FREEZES));
    if (this.frozen) {
      this.#waiting.push(run);
      return;
    }
    scheduler.woke();
    run();
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted) return Promise.resolve();
    const timer = this.#parts.scheduler.after(Math.max(0, milliseconds), () => this.resume(resolve));
    signal?.addEventListener(
      'abort',
      () => {
        timer.cancelled = true;
        resolve();
      },
      { once: true },
    );
    return promise;
  }
}
