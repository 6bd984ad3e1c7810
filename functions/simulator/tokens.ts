import { randomBytes } from 'node:crypto';
import { BoundedMap } from './bounded-map.ts';
import type { Counters } from './counters.ts';
import { type Refusal, refusal } from './http.ts';
import type { Settings } from './settings.ts';

/** What a token lets its bearer do, and for which user or team. */
export interface Holder {
  readonly clientId: string;
  /** The user or team that the token acts for, e.g. `user:ada`, `team:42`. */
  readonly owner: string;
  readonly scopes: readonly string[];
}

export interface AccessToken extends Holder {
  readonly value: string;
  /** Seconds, as it was issued. */
  readonly expiresIn: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A consent that was given; all of its refresh tokens are one family. */
export interface Grant extends Holder {
  readonly redirectUri?: string;
  /** The one that is not spent. */
  refreshToken: string;
  /** Changes when the access tokens given so far die. */
  epoch: number;
  ended: boolean;
}

/** What the vendor's tokens look like, and what else its refresh does. */
export interface TokenStyle {
  accessToken(holder: Holder): string;
  refreshToken(): string;
  /** A refresh revokes the grant's earlier access tokens at once. */
  refreshKillsAccessTokens: boolean;
}

export interface Issued {
  readonly accessToken: AccessToken;
  /** Absent when the one that was presented stays. */
  readonly refreshToken?: string;
}

export interface StoredAccessToken extends AccessToken {
  readonly grant?: Grant;
  readonly epoch: number;
}

/** All that was issued, by its value: what a store is made of. */
export interface IssuedTokens {
  readonly access: ReadonlyMap<string, StoredAccessToken>;
  readonly refresh: ReadonlyMap<string, { readonly grant: Grant; spentAt?: number }>;
}

/** The tokens of one simulated vendor, in memory. Everything here is synchronous, hence atomic. */
export class TokenStore {
  readonly #access = new BoundedMap<string, StoredAccessToken>();
  readonly #refresh = new BoundedMap<string, { readonly grant: Grant; spentAt?: number }>();
  readonly #style: TokenStyle;
  readonly #settings: () => Settings;
  readonly #counters: Counters;
  readonly #now: () => number;

  constructor(style: TokenStyle, settings: () => Settings, counters: Counters, now: () => number) {
    this.#style = style;
    this.#settings = settings;
    this.#counters = counters;
    this.#now = now;
  }

  all(): IssuedTokens {
    return { access: this.#access, refresh: this.#refresh };
  }

  /** Goes on with what another store has issued. */
  restore({ access, refresh }: IssuedTokens): void {
    for (const [value, token] of access) this.#access.set(value, token);
    for (const [value, token] of refresh) this.#refresh.set(value, token);
  }

  /** An access token without a grant behind it (client credentials). */
  mint(holder: Holder): AccessToken {
    this.#counters.count('mints');
    return this.#issue(holder);
  }

  /** A new grant with its first tokens. */
  open(holder: Holder & { redirectUri?: string }): Issued & { grant: Grant; refreshToken: string } {
    const refreshToken = this.#style.refreshToken();
    const grant: Grant = { ...holder, refreshToken, epoch: 0, ended: false };
    this.#refresh.set(refreshToken, { grant });
    return { grant, accessToken: this.#issue(grant, grant), refreshToken };
  }

  /**
   * The grant that a refresh token may renew now. A spent one outside the grace window is refused, and
   * ends its grant where reuse is detected (RFC 9700 §4.14.2).
   * @throws Refusal `invalid_grant`
   */
  renewable(refreshToken: string, clientId: string): Grant {
    const found = this.#refresh.get(refreshToken);
    if (!found || found.grant.clientId !== clientId) throw invalidGrant('The refresh token is unknown.');
    if (found.grant.ended) throw invalidGrant('The refresh token has been revoked.');
    if (found.spentAt === undefined) return found.grant;
    const { grace_window, reuse_detection } = this.#settings();
    if (this.#now() < found.spentAt + grace_window * 1000) return found.grant;
    if (reuse_detection) this.burn(found.grant);
    throw invalidGrant('The refresh token has been used already.');
  }

  /**
   * New tokens for a grant. A refresh token that was spent within the grace window gets its successor
   * again, so that a client that lost an answer, or came second, ends with the same live one.
   */
  renew(grant: Grant, presented: string, scopes: readonly string[], keepRefreshToken: boolean): Issued {
    this.#counters.count('refreshes');
    if (this.#style.refreshKillsAccessTokens) grant.epoch += 1;
    const unspent = presented === grant.refreshToken;
    if (unspent && this.#settings().rotate && !keepRefreshToken) {
      this.#refresh.set(presented, { grant, spentAt: this.#now() });
      grant.refreshToken = this.#style.refreshToken();
      this.#refresh.set(grant.refreshToken, { grant });
    }
    const accessToken = this.#issue({ ...grant, scopes }, grant);
    return presented === grant.refreshToken
      ? { accessToken }
      : { accessToken, refreshToken: grant.refreshToken };
  }

  /** Ends a grant because something of it was replayed. */
  burn(grant: Grant): void {
    if (grant.ended) return;
    grant.ended = true;
    this.#counters.count('family_burns');
  }

  /** An access token that is neither expired nor revoked nor of an ended grant. */
  live(value: string): AccessToken | undefined {
    const token = this.#access.get(value);
    if (!token || token.expiresAt <= this.#now()) return undefined;
    return token.grant && (token.grant.ended || token.grant.epoch !== token.epoch) ? undefined : token;
  }

  /** The user or team that this token acts for, access or refresh, dead or alive. */
  holderOf(value: string): Holder | undefined {
    return this.#access.get(value) ?? this.#refresh.get(value)?.grant;
  }

  /** Revokes one access token, or the whole grant of a refresh token. @returns whether it was known */
  revoke(value: string): boolean {
    const grant = this.#refresh.get(value)?.grant;
    if (grant) grant.ended = true;
    return this.#access.delete(value) || grant !== undefined;
  }

  revokeAll(): void {
    for (const { grant } of this.#refresh.values()) grant.ended = true;
    this.#access.clear();
  }

  /** Every token issued so far and not yet forgotten, for searches through logs. */
  issued(): string[] {
    return [...this.#access.keys(), ...this.#refresh.keys()];
  }

  #issue(holder: Holder, grant?: Grant): AccessToken {
    const { clientId, owner, scopes } = holder;
    const expiresIn = this.#settings().expires_in;
    const token: StoredAccessToken = {
      value: this.#style.accessToken(holder),
      clientId,
      owner,
      scopes,
      expiresIn,
      expiresAt: this.#now() + expiresIn * 1000,
      epoch: grant?.epoch ?? 0,
      ...(grant ? { grant } : {}),
    };
    this.#access.set(token.value, token);
    return token;
  }
}

/** A string that looks like a JWT of that algorithm; its signature is noise, for nobody may look inside. */
export function jwtLike(algorithm: 'RS256' | 'HS256', claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signature = randomBytes(algorithm === 'RS256' ? 256 : 32).toString('base64url');
  const unique = randomBytes(12).toString('base64url');
  return `${part({ typ: 'JWT', alg: algorithm })}.${part({ ...claims, jti: unique })}.${signature}`;
}

function invalidGrant(description: string): Refusal {
  return refusal(400, 'invalid_grant', description);
}
