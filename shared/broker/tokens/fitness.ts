import type { Token } from '../../oauth/token.ts';
import type { TokenRequest } from '../request.ts';
import type { Timing } from '../times.ts';

/** What of a request decides whether a token will do. */
type Need = Pick<TokenRequest, 'begunAt' | 'minTtl' | 'rejected'>;

/**
 * How a token meets a need:
 * - `good`: it satisfies the request;
 * - `short`: it would, but for `min_ttl`: better than an error, so it is the fall-back, with a warning;
 * - `refused`: it is the very token that the vendor's API refused;
 * - `none`: there is none, or it has too little life left.
 */
export type Fitness = 'good' | 'short' | 'refused' | 'none';

export function fitnessOf(token: Token | undefined, need: Need, timing: Timing, now: number): Fitness {
  if (!token) return 'none';
  const left = token.expiresAt - now;
  const fresh = token.mintedAt >= need.begunAt;
  // A vendor whose tokens live less than the minimum still gets its fresh ones served; anything else would never answer.
  if (left <= 0 || (left < timing.minimumLife && !fresh)) return 'none';
  if (token.fingerprint === need.rejected) return 'refused';
  return fresh || left >= need.minTtl ? 'good' : 'short';
}

/** Whether a token that still satisfies is due for renewal. */
export function renewalDue(token: Token, margin: number, now: number, share = 1 / 5): boolean {
  return token.expiresAt - now < Math.min(margin, (token.expiresAt - token.mintedAt) * share);
}
