/** The longest that a caller is told to wait, in seconds, whatever a vendor asks for. */
export const RETRY_AFTER_CAP = 60;

const SECONDS = /^\d+$/;
/** RFC 9110 §5.6.7 dates all begin so; `Date.parse` alone would also take `1.5` and `-5` for dates. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * Reads a `Retry-After` header (RFC 9110 §10.2.3): seconds or an HTTP date.
 * @param now milliseconds since the epoch
 * @returns seconds from `now`, 0 to `RETRY_AFTER_CAP`; `undefined` when absent or unreadable
 */
export function readRetryAfter(header: string | undefined, now: number): number | undefined {
  const value = header?.trim() ?? '';
  const seconds = SECONDS.test(value)
    ? Number(value)
    : HTTP_DATE.test(value)
      ? (Date.parse(value) - now) / 1000
      : Number.NaN;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), RETRY_AFTER_CAP);
}
