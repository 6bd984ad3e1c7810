import { DEVICE_CODE_GRANT } from '../../connections/connection.ts';
import { VendorError } from '../../contract/errors.ts';
import type { ConsentStatusAnswer } from '../../contract/messages.ts';
import type { ConsentsTable, DeviceConsent, Stored } from '../ports.ts';
import type { VendorAccessParts } from '../vendor/access.ts';
import { type PendingConsents, type Redeeming, statusOf } from './pending.ts';

export interface PollDeviceParts extends Pick<VendorAccessParts, 'clock'> {
  readonly consents: ConsentsTable;
  readonly pendings: PendingConsents;
}

/** RFC 8628 §3.5: what `slow_down` adds to the interval, in seconds. */
const SLOW_DOWN = 5;

/** RFC 8628 §3.5: the errors that end a consent. */
const VERDICTS = new Map<string | undefined, 'denied' | 'expired'>([
  ['access_denied', 'denied'],
  ['expired_token', 'expired'],
]);

/** Asks the vendor once whether a person has decided about a device, and never faster than the interval. */
export function devicePoller(parts: PollDeviceParts) {
  const { clock, pendings } = parts;
  const table = parts.consents;

  return poll;

  async function poll(
    handle: string,
    pending: Stored<DeviceConsent>,
    request: Omit<Redeeming, 'handle' | 'parameters'>,
  ): Promise<ConsentStatusAnswer> {
    const { interval, deviceCode } = pending;
    const now = clock.now();
    if (pending.nextPollAt > now) return { status: 'pending', interval };
    // Written before asking, so that of several pollers one asks.
    const polled = await table.write(handle, pending, { ...pending, nextPollAt: now + interval * 1000 });
    if (!polled) return { status: 'pending', interval };
    const parameters = { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode.reveal() };
    try {
      await pendings.redeem(polled, { ...request, handle, parameters });
      return { status: 'granted' };
    } catch (error) {
      return deviceStatus(handle, interval, error);
    }
  }

  /** RFC 8628 §3.5. */
  async function deviceStatus(
    handle: string,
    interval: number,
    error: unknown,
  ): Promise<ConsentStatusAnswer> {
    const vendorError = error instanceof VendorError ? error.vendorError : undefined;
    if (vendorError === 'authorization_pending') return { status: 'pending', interval };
    const current = await table.read(handle);
    if (!current) return { status: 'expired' };
    if (current.kind !== 'device') return { status: statusOf(current) };
    if (vendorError === 'slow_down') {
      const slower = interval + SLOW_DOWN;
      const nextPollAt = clock.now() + slower * 1000;
      await table.write(handle, current, { ...current, interval: slower, nextPollAt });
      return { status: 'pending', interval: slower };
    }
    const verdict = VERDICTS.get(vendorError);
    if (!verdict) throw error;
    await pendings.close(handle, current, verdict);
    return { status: verdict };
  }
}
