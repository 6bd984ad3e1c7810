import { inDoubt, isAmbiguous, VendorError } from '../contract/errors.ts';
import type { Budget } from './exchange.ts';
import { RETRY_AFTER_CAP } from './retry-after.ts';

/** Shortest and longest pause before another attempt when the vendor asks for none, in milliseconds. */
const PAUSE_FIRST = 100;
const PAUSE_LAST = 300;

/**
 * Repeats what may pass, inside the budget. `idempotent` repeats whenever the vendor was unavailable;
 * `unsent` only when the vendor cannot have acted, so that a refresh token or a code is not spent twice.
 * A vendor's `Retry-After` is waited for if it fits before the deadline; otherwise the failure is final at once.
 * @throws whatever the last attempt threw, `ambiguous` if any before it was: whether the vendor has acted on one of
 * them is not known any better for a later one that was not even sent
 */
export async function withAttempts<T>(
  budget: Budget,
  resend: 'idempotent' | 'unsent',
  attempt: () => Promise<T>,
): Promise<T> {
  let ambiguous = false;
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = ambiguous ? inDoubt(thrown) : thrown;
      ambiguous ||= isAmbiguous(error);
      if (count >= budget.attempts || !mayPass(error, resend)) throw error;
      const pause = pauseAfter(error);
      if (budget.clock.now() + pause >= budget.deadline) throw error;
      await budget.clock.sleep(pause);
    }
  }
}

function mayPass(error: unknown, resend: 'idempotent' | 'unsent'): error is VendorError {
  return (
    error instanceof VendorError &&
    error.code === 'vendor_unavailable' &&
    (resend === 'idempotent' || !error.ambiguous)
  );
}

/** Milliseconds. At the cap the vendor may have asked for any longer time, so that no wait is long enough. */
function pauseAfter({ retryAfter = 0 }: VendorError): number {
  if (retryAfter >= RETRY_AFTER_CAP) return Number.POSITIVE_INFINITY;
  return Math.max(retryAfter * 1000, PAUSE_FIRST + Math.random() * (PAUSE_LAST - PAUSE_FIRST));
}
