/** What states and times are called. Nothing of Node.js is needed: the console's page says them with the same words. */
import type { RevokeAnswer } from '../../shared/contract/messages.ts';
import type { Listed } from './connection-list.ts';

/** One word for a connection that acts for itself; the number of its grants by state for one that acts for others. */
export function stateOf(listed: Listed): string {
  const { vendor, grant_status, grants, grants_expiring, grants_truncated, expires_at, last_failure } =
    listed;
  if (vendor === undefined) return 'unknown';
  if (grant_status) return grant_status;
  if (grants) {
    const counted = Object.entries(grants).filter(([, count]) => count > 0);
    if (grants_expiring) counted.push(['expiring', grants_expiring]);
    const shown = counted.map(([state, count]) => `${count} ${state}`).join(', ') || 'no grants';
    return grants_truncated ? `${shown} and more` : shown;
  }
  if (expires_at !== undefined && Date.parse(expires_at) > Date.now()) return 'ready';
  return last_failure ? 'failing' : 'idle';
}

const OUTCOMES = {
  revoked: 'revoked, at the vendor too',
  not_supported: 'forgotten; the vendor cannot revoke, so its tokens live until they expire',
  failed: 'forgotten, but the vendor could not be told',
};

/** What became of a grant that was to end. */
export function outcomeOfRevoking({ status, vendor }: RevokeAnswer): string {
  if (status === 'none') return 'there was no grant';
  return vendor === undefined ? 'revoked' : OUTCOMES[vendor];
}

/** `58 min`, `3 h`: the largest unit that is not one of something. */
export function duration(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
  ] as const;
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** `in 58 min`, `now`, `3 min ago`; a dash for no time. */
export function fromNow(time: string | undefined, now = Date.now()): string {
  if (time === undefined) return '-';
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  if (Number.isNaN(seconds)) return '-';
  if (seconds === 0) return 'now';
  return seconds >= 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}
