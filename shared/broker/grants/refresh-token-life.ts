/** When refresh tokens begin to be taken and end of themselves: as the vendor has said of this one, else as is known of its tokens. */
import type { RefreshTokenLifetime } from '../../connections/connection.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import type { Grant } from '../ports.ts';

/** People are told so long before the end, or for the last fifth of a shorter life; in milliseconds. */
const NOTICE = 7 * 86_400_000;

/** Milliseconds. */
const MINUTE = 60_000;

type Life = Pick<Grant, 'status' | 'consentedAt' | 'lastRefreshAt' | 'refreshTokenEndsAt'>;

/** @returns milliseconds since the epoch; `undefined` where no end is known, or it has come */
export function refreshTokenEnd(grant: Life, { refreshTokenLifetime = {} }: Vendor): number | undefined {
  if (grant.status !== 'active') return undefined;
  const ends = endsOf(grant, refreshTokenLifetime).map(({ at }) => at);
  return ends.length > 0 ? Math.min(...ends) : undefined;
}

/** Nothing that the sweep does by itself will help in time: somebody must consent again, or see why it does not refresh. */
export function isExpiring(grant: Life, { refreshTokenLifetime = {} }: Vendor, now: number): boolean {
  if (grant.status !== 'active') return false;
  return endsOf(grant, refreshTokenLifetime).some(({ at, life }) => at - now <= Math.min(NOTICE, life / 5));
}

/**
 * An unused refresh token is used long before it idles out; milliseconds since the epoch. Of an end that the vendor has
 * named nobody knows whether use puts it off, so that an absolute one is approached by halves, a minute at the least.
 */
export function latestUse(
  { refreshTokenEndsAt }: Pick<Grant, 'refreshTokenEndsAt'>,
  { refreshTokenLifetime: { idle } = {} }: Vendor,
  now: number,
): number {
  if (refreshTokenEndsAt !== undefined) return now + Math.max(MINUTE, (refreshTokenEndsAt - now) / 2);
  return idle === undefined ? Number.POSITIVE_INFINITY : now + (idle * 1000) / 2;
}

/** Before then the vendor takes no refresh; milliseconds since the epoch, `undefined` where it does at once. */
export function refreshableFrom(
  { consentedAt, lastRefreshAt = consentedAt }: Pick<Grant, 'consentedAt' | 'lastRefreshAt'>,
  { minimumRefreshAge = 0 }: Vendor,
): number | undefined {
  return minimumRefreshAge > 0 ? lastRefreshAt + minimumRefreshAge * 1000 : undefined;
}

function endsOf(
  { consentedAt, lastRefreshAt, refreshTokenEndsAt: at }: Life,
  { absolute, idle }: RefreshTokenLifetime,
) {
  if (at !== undefined) return [{ at, life: at - (lastRefreshAt ?? consentedAt) }];
  const of = (since: number, seconds: number | undefined) =>
    seconds === undefined ? [] : [{ at: since + seconds * 1000, life: seconds * 1000 }];
  return [...of(consentedAt, absolute), ...of(lastRefreshAt ?? consentedAt, idle)];
}
