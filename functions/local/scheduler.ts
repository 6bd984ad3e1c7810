/** Stands where EventBridge Scheduler stands in the deployment: runs the refresher again and again. */
import { FUNCTIONS } from '../../shared/contract/names.ts';
import { type LocalHandlers, run } from './handlers.ts';

export interface Schedule {
  /** No pass begins after this; resolves when one that was under way has ended or `grace` milliseconds passed. */
  stop(grace?: number): Promise<void>;
}

/** The longest that grants are waited for, in seconds; the refresher's own time is 120 s. */
const MOST_AHEAD = 90;

/**
 * Starts a pass every `seconds`, or as soon as the one before has ended: passes never overlap. What falls due until the
 * next one waits in a pass for its time. A pass that fails has told so itself, as in the deployment, and the next one
 * comes in its time.
 */
export function startSchedule(refresh: LocalHandlers['refresh'], seconds: number): Schedule {
  let underWay: Promise<unknown> | undefined;
  let overdue = false;
  const pass = () => {
    overdue = underWay !== undefined;
    underWay ??= run(refresh, { look_ahead: Math.min(seconds, MOST_AHEAD) }, FUNCTIONS.refresh)
      .catch(() => undefined)
      .finally(() => {
        underWay = undefined;
        if (overdue) pass();
      });
  };
  const timer = setInterval(pass, seconds * 1000);
  return {
    async stop(grace = 2_000) {
      clearInterval(timer);
      overdue = false;
      if (!underWay) return;
      const graceOver = Promise.withResolvers<void>();
      const waiting = setTimeout(graceOver.resolve, grace);
      await Promise.race([underWay, graceOver.promise]);
      clearTimeout(waiting);
    },
  };
}
