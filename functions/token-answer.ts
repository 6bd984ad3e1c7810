import type { Note } from '../shared/broker/audit.ts';
import { rfc3339 } from '../shared/broker/grants/describe.ts';
import type { ServedToken, TokenRequest, TokenSource } from '../shared/broker/request.ts';
import type { TokenAnswer } from '../shared/contract/messages.ts';
import type { Clock } from '../shared/oauth/clock.ts';

/** A token source whose tokens leave the broker: each is noted for the audit by its fingerprint. */
export function tokenAnswers(source: TokenSource, clock: Clock) {
  return async (request: TokenRequest, note: Note): Promise<TokenAnswer> => {
    const served = await source(request);
    const { fingerprint } = served.token;
    note({ source: served.source, fingerprint, ...(served.warning && { warning: served.warning }) });
    return tokenAnswer(served, clock.now());
  };
}

/** RFC 6749 §5.1; `expires_in` counts from `now` and never promises a second too many. */
function tokenAnswer({ token, source, warning }: ServedToken, now: number): TokenAnswer {
  return {
    access_token: token.accessToken.reveal(),
    token_type: token.tokenType,
    expires_in: Math.max(0, Math.floor((token.expiresAt - now) / 1000)),
    ...(token.scope !== undefined && { scope: token.scope }),
    expires_at: rfc3339(token.expiresAt),
    minted_at: rfc3339(token.mintedAt),
    source,
    ...(warning !== undefined && { warning }),
  };
}
