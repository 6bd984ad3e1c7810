import type { TokenAnswer, TokenOrigin } from '../contract/messages.ts';
import { sha256Base64url } from '../contract/sha256.ts';
import { TokenBrokerError } from './errors.ts';

/**
 * An access token. Its secret parts are getters over a private member, so that neither `console.log` nor
 * `JSON.stringify` shows them.
 * @example
 * ```ts
 * import type { Token } from 'token-broker';
 * const headersOf = (token: Token) => ({ authorization: token.authorization });
 * ```
 */
export class Token {
  readonly #accessToken: string;
  /** What goes before the token in the `Authorization` header; `Bearer`. */
  readonly tokenType: string;
  readonly scope: string | undefined;
  /** By this machine's clock. */
  readonly expiresAt: Date;
  readonly mintedAt: Date;
  readonly source: TokenOrigin;
  /** Why this is not quite what was asked for, e.g. that the vendor is down and this one is still valid. */
  readonly warning: string | undefined;

  constructor(answer: TokenAnswer, expiresAt: Date) {
    this.#accessToken = answer.access_token;
    this.tokenType = answer.token_type;
    this.scope = answer.scope;
    this.expiresAt = expiresAt;
    this.mintedAt = new Date(answer.minted_at);
    this.source = answer.source;
    this.warning = answer.warning;
  }

  get accessToken(): string {
    return this.#accessToken;
  }

  /** The value of the `Authorization` header. */
  get authorization(): string {
    return `${this.tokenType} ${this.#accessToken}`;
  }

  /** Unpadded base64url SHA-256 of the access token: safe to log and to compare. */
  get fingerprint(): string {
    return sha256Base64url(this.#accessToken);
  }

  /** The same token with another warning. */
  withWarning(warning: string): Token {
    const { tokenType, scope, expiresAt, mintedAt, source } = this;
    return new Token(
      {
        access_token: this.#accessToken,
        token_type: tokenType,
        ...(scope !== undefined && { scope }),
        expires_in: 0,
        expires_at: expiresAt.toISOString(),
        minted_at: mintedAt.toISOString(),
        source,
        warning,
      },
      expiresAt,
    );
  }
}

/** RFC 6749 appendix A.12; anything else could not be put into a header, and fetch would quote it in its error. */
const VISIBLE = /^[\x20-\x7E]+$/;

/**
 * Reckons the expiry from when the request was sent, by this machine's clock: the broker's may differ.
 * @param sentAt milliseconds since the epoch
 * @throws TokenBrokerError `broker_unavailable` when it is no token answer
 */
export function tokenOf(answer: unknown, sentAt: number): Token {
  if (!isTokenAnswer(answer)) {
    throw new TokenBrokerError(
      'broker_unavailable',
      'The token broker answered with something that is no token.',
    );
  }
  return new Token(answer, new Date(sentAt + answer.expires_in * 1000));
}

function isTokenAnswer(answer: unknown): answer is TokenAnswer {
  if (typeof answer !== 'object' || answer === null) return false;
  const { access_token, token_type, expires_in, minted_at } = answer as Record<string, unknown>;
  return (
    [access_token, token_type].every((text) => typeof text === 'string' && VISIBLE.test(text)) &&
    Number.isFinite(expires_in) &&
    typeof minted_at === 'string' &&
    !Number.isNaN(Date.parse(minted_at))
  );
}
