/** Stands where EventBridge Scheduler stands in the deployment: runs the refresher again and again. */
import { FUNCTIONS } from '../../shared/contract/names.ts';
import { type LocalHandlers, run } from './handlers.ts';

export interface Schedule {
  /** No pass begins after this; resolves when one that was under way has ended or `grace` milliseconds passed. */
  stop(grace?: number): Promise<void>;
}

/**
 * Starts a pass every `seconds`, unless one is still under way: passes never overlap. A pass that fails has
 * told so itself, as in the deployment, and the next one comes in its time.
 */
export function startSchedule(refresh: LocalHandlers['refresh'], seconds: number): Schedule {
  let underWay: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    underWay ??= run(refresh, { look_ahead: Math.min(seconds, 60) / 2 }, FUNCTIONS.refresh)
      .catch(() => undefined)
      .finally(() => {
        underWay = undefined;
      });
  }, seconds * 1000);
  return {
    async stop(grace = 2_000) {
      clearInterval(timer);
      if (!underWay) return;
      const patience = Promise.withResolvers<void>();
      const impatience = setTimeout(patience.resolve, grace);
      await Promise.race([underWay, patience.promise]);
      clearTimeout(impatience);
    },
  };
}
