import { DEVICE_CODE_GRANT } from '../../connections/connection.ts';
import { VendorError } from '../../contract/errors.ts';
import type { ConsentStatusAnswer } from '../../contract/messages.ts';
import type { Redacted } from '../../contract/redacted.ts';
import type { ConsentsTable, PendingConsent, Stored } from '../ports.ts';
import type { VendorAccessParts } from '../vendor/access.ts';
import type { PendingConsents, Redeeming } from './pending.ts';

export interface PollDeviceParts extends Pick<VendorAccessParts, 'clock'> {
  readonly consents: ConsentsTable;
  readonly pendings: PendingConsents;
}

/** RFC 8628 §3.5: the interval where none is known, and what `slow_down` adds to it, in seconds. */
const SLOW_DOWN = 5;

/** Asks the vendor once whether a person has decided about a device, and never faster than the interval. */
export function devicePoller(parts: PollDeviceParts) {
  const { clock, pendings } = parts;
  const table = parts.consents;

  return poll;

  async function poll(
    handle: string,
    pending: Stored<PendingConsent>,
    deviceCode: Redacted,
    request: Omit<Redeeming, 'handle' | 'parameters'>,
  ): Promise<ConsentStatusAnswer> {
    const interval = pending.interval ?? SLOW_DOWN;
    const now = clock.now();
    if ((pending.nextPollAt ?? 0) > now) return { status: 'pending', interval };
    // Noted before asking, so that of several pollers one asks.
    const next = { ...pending, nextPollAt: now + interval * 1000 };
    const noted = await table.write(handle, pending, next);
    if (!noted) return { status: 'pending', interval };
    const parameters = { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode.reveal() };
    try {
      await pendings.redeem(noted, { ...request, handle, parameters });
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
    if (vendorError === 'slow_down') {
      const slower = interval + SLOW_DOWN;
      const nextPollAt = clock.now() + slower * 1000;
      await table.write(handle, current, { ...current, interval: slower, nextPollAt });
      return { status: 'pending', interval: slower };
    }
    const status = { access_denied: 'denied', expired_token: 'expired' } as const;
    const verdict = status[vendorError as keyof typeof status];
    if (!verdict) throw error;
    await pendings.close(handle, current, verdict);
    return { status: verdict };
  }
}
