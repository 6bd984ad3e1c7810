import type { Permitted } from '../shared/broker/audit.ts';
import { tooBroad } from '../shared/broker/authorize.ts';
import { rfc3339 } from '../shared/broker/grants/describe.ts';
import type { ServedToken, TokenRequest, TokenSource } from '../shared/broker/request.ts';
import type { TokenAnswer } from '../shared/contract/messages.ts';
import { scopesGiven } from '../shared/contract/scope.ts';
import type { Clock } from '../shared/oauth/clock.ts';
import type { Token } from '../shared/oauth/token.ts';

/**
 * A token source whose tokens leave the broker: none that says it is broader than what the caller may have, and each
 * noted for the audit by its fingerprint.
 */
export function tokenAnswers(source: TokenSource, clock: Clock): Permitted<TokenRequest, TokenAnswer> {
  return async (request, note, { permits }) => {
    const found = await source(request);
    const given = scopesGiven(found.token.scope);
    if (given && !permits({ subject: request.subject, scopes: given })) throw tooBroad(given);
    const missing = given ? request.scopes.filter((scope) => !given.includes(scope)) : [];
    const warnings = [found.warning, missing.length > 0 && narrower(missing)].filter((text) => !!text);
    const served = { ...found, ...(warnings.length > 0 && { warning: warnings.join(' ') }) };
    const { fingerprint } = served.token;
    note({ source: served.source, fingerprint, ...(served.warning && { warning: served.warning }) });
    return tokenAnswer(served, clock.now());
  };
}

/** RFC 6749 §3.3: a server may give less than was asked for, and says so in its answer. */
function narrower(missing: readonly string[]): string {
  return `The vendor gave less than was asked for: this token does not have scope "${missing.join(' ')}".`;
}

/** RFC 6749 §5.1; `expires_in` counts from `now` and never promises a second too many. */
function tokenAnswer({ token, source, warning }: ServedToken, now: number): TokenAnswer {
  return {
    access_token: token.accessToken.reveal(),
    token_type: token.tokenType,
    expires_in: Math.max(0, Math.floor((token.expiresAt - now) / 1000)),
    ...(token.scope !== undefined && { scope: token.scope }),
    ...timesOf(token),
    source,
    ...(warning !== undefined && { warning }),
  };
}

/** A token is answered with many times, and its times are a twentieth of what an answer from memory takes to make. */
const times = new WeakMap<Token, Pick<TokenAnswer, 'expires_at' | 'minted_at'>>();
function timesOf(token: Token) {
  const known = times.get(token);
  if (known) return known;
  const made = { expires_at: rfc3339(token.expiresAt), minted_at: rfc3339(token.mintedAt) };
  times.set(token, made);
  return made;
}
