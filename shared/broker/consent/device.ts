import { DEVICE_CODE_GRANT } from '../../connections/connection.ts';
import { BrokerError, VendorError } from '../../contract/errors.ts';
import type { ConsentStatusAnswer } from '../../contract/messages.ts';
import type { ClosedConsent, DeviceConsent, Stored } from '../ports.ts';
import type { Found, Span } from '../request.ts';
import type { VendorAccessParts } from '../vendor/access.ts';
import type { PendingConsents } from './pending.ts';

export interface PollDeviceParts extends Pick<VendorAccessParts, 'clock'> {
  readonly pendings: PendingConsents;
}

/** RFC 8628 §3.5: what `slow_down` adds to the interval, in seconds. */
const SLOW_DOWN = 5;

/** RFC 8628 §3.5 and RFC 6749 §5.2: the errors that end a consent. */
const VERDICTS = new Map<string | undefined, ClosedConsent['status']>([
  ['access_denied', 'denied'],
  ['expired_token', 'expired'],
  ['invalid_grant', 'failed'],
]);

/** Asks the vendor once whether a person has decided about a device, and never faster than the interval. */
export function devicePoller({ clock, pendings }: PollDeviceParts) {
  return async function poll(
    handle: string,
    pending: Stored<DeviceConsent>,
    { connection, vendor, endsAt }: Found & Pick<Span, 'endsAt'>,
  ): Promise<ConsentStatusAnswer> {
    const { interval, deviceCode } = pending;
    const waiting = { status: 'pending', interval } as const;
    if (pending.nextPollAt > clock.now()) return waiting;
    const claim = await pendings.claim(handle, pending, { endsAt });
    if (!claim) return waiting;
    const parameters = { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode.reveal() };
    const afterFailure = (error: unknown) => afterPoll(pending, error, clock.now());
    try {
      await pendings.redeem(claim, { connection, vendor, parameters, afterFailure });
      return { status: 'granted' };
    } catch (error) {
      return statusAfter(error, interval);
    }
  };
}

/** A poll that came to nothing is repeated, even if its answer was lost (RFC 8628 §3.5). */
function afterPoll(
  pending: DeviceConsent,
  error: unknown,
  now: number,
): DeviceConsent | ClosedConsent['status'] {
  const verdict = VERDICTS.get(vendorErrorOf(error));
  if (verdict) return verdict;
  if (!(error instanceof VendorError) && !isSecretMissing(error)) return 'failed';
  const interval = intervalAfter(error, pending.interval);
  return { ...pending, status: 'pending', interval, nextPollAt: now + interval * 1000 };
}

function statusAfter(error: unknown, interval: number): ConsentStatusAnswer {
  const code = vendorErrorOf(error);
  if (code === 'access_denied') return { status: 'denied' };
  if (code === 'expired_token') return { status: 'expired' };
  if (code !== 'authorization_pending' && code !== 'slow_down') throw error;
  return { status: 'pending', interval: intervalAfter(error, interval) };
}

function intervalAfter(error: unknown, interval: number): number {
  return vendorErrorOf(error) === 'slow_down' ? interval + SLOW_DOWN : interval;
}

function vendorErrorOf(error: unknown): string | undefined {
  return error instanceof VendorError ? error.vendorError : undefined;
}

/** Nothing was sent. */
function isSecretMissing(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'secret_unavailable';
}
