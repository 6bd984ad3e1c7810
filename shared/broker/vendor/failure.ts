import { BrokerError, VendorError } from '../../contract/errors.ts';
import { present } from '../../contract/present.ts';
import { RETRY_AFTER_CAP } from '../../oauth/retry-after.ts';
import type { Failure } from '../ports.ts';
import type { Timing } from '../times.ts';

/** A run of failures that ended this long ago no longer counts towards the backoff. */
const FORGIVEN_AFTER = 300_000;

/**
 * The failure to remember after `error`, given the one remembered before. A definitive refusal is held with
 * doubling backoff (invariant 8). A passing fault is held only as long as the vendor asked, or from the third
 * in a row on: the lease already lets just one worker ask at a time, and the vendor may be back at once. What was said
 * of one version of the secret counts for nothing against the next.
 */
export function nextFailure(
  error: BrokerError,
  before: Failure | undefined,
  timing: Timing,
  now: number,
  secretVersion?: string,
): Failure {
  const run =
    before && before.secretVersion === secretVersion && now - before.until < FORGIVEN_AFTER
      ? before
      : undefined;
  const count = run ? run.count + 1 : 1;
  const doublings = error.code === 'vendor_rejected' ? count - 1 : count - 3;
  const backoff = doublings < 0 ? 0 : Math.min(timing.refusalFirst * 2 ** doublings, timing.refusalLast);
  const asked = Math.min(error.retryAfter ?? 0, RETRY_AFTER_CAP) * 1000;
  return present({
    code: error.code,
    description: error.message,
    vendorError: error.vendorError,
    ...(error instanceof VendorError && { vendorStatus: error.vendorStatus, step: error.step }),
    secretVersion,
    at: now,
    until: now + Math.max(backoff, asked),
    count,
    since: run?.since ?? now,
  });
}

/** The remembered failure as the error that its caller gets. */
export function rememberedError(failure: Failure, now: number): BrokerError {
  const { code, description, vendorError, vendorStatus, step, until } = failure;
  const retryAfter = until > now ? (until - now) / 1000 : undefined;
  const details = { vendorError, vendorStatus, step, retryAfter };
  return code === 'vendor_rejected' || code === 'vendor_unavailable'
    ? new VendorError(code, description, details)
    : new BrokerError(code, description, details);
}

/** Whether a request that began at `begunAt` must take the failure as its answer instead of asking again. */
export function stillStands(failure: Failure | undefined, begunAt: number, now: number): failure is Failure {
  // A failure younger than the request is its answer too: those who waited for one mint do not each repeat it.
  return failure !== undefined && (failure.until > now || failure.at >= begunAt);
}

export function busy(description: string, retryAfter = 1): BrokerError {
  return new BrokerError('busy', description, { retryAfter });
}

/** Asking again at once would most likely bring another such token, and so on without end. */
export function endedAlready(): VendorError {
  return new VendorError(
    'vendor_unavailable',
    'The vendor gave a token whose life was over when it arrived.',
  );
}
