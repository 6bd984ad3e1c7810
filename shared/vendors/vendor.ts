import type { Connection, RefreshTokenLifetime, VendorRules } from '../connections/connection.ts';
import type { Dialect, Endpoints } from '../oauth/types.ts';

export interface DiscoveredServer {
  readonly issuer: string;
  readonly endpointHosts?: readonly string[];
  /** What the connection says itself, beside or instead of the metadata. */
  readonly explicit?: Partial<Endpoints>;
}

/**
 * An OAuth server described as data plus its exceptions. Adding one is a file that exports such an object
 * and a line in `index.ts`.
 * @example
 * ```ts
 * import type { Vendor } from 'token-broker/cdk';
 * const methodsOf = (vendor: Vendor) => vendor.clientAuth;
 * ```
 */
export interface Vendor extends VendorRules {
  /** The vendor as one connection's settings have it; absent: all its connections are alike. */
  adapted?(connection: Connection): Vendor;
  readonly dialect: Dialect;
  /**
   * The vendor's endpoints for this connection, or the issuer whose metadata names them, with the hosts
   * beside its own (and beside the connection's) on which these may be, and endpoints that complete the metadata.
   */
  server(connection: Connection): Endpoints | DiscoveredServer;
  /** Authorization code with PKCE S256 (RFC 7636); `false` only where the vendor is known not to take it. */
  readonly pkce: boolean;
  /** How long refresh tokens live; absent: nobody knows. */
  readonly refreshTokenLifetime?: RefreshTokenLifetime;
  /** Seconds for which a new refresh token is not taken yet; absent: it is at once. */
  readonly minimumRefreshAge?: number;
  /** What the vendor calls client credentials; absent: `client_credentials`. */
  readonly grantType?: string;
  /** Names of `params` that any scope admits. */
  readonly optionalParams?: readonly string[];
  /** A refresh names its scopes also where it does not narrow them. */
  readonly scopeOnRefresh?: boolean;
  /** Error codes that say of a refresh token what `invalid_grant` does (GitHub: `bad_refresh_token`). */
  readonly deadGrantErrors?: readonly string[];
  /** The end of a refresh token does not end the access tokens that it gave (RFC 7009 §2.1: a SHOULD). */
  readonly revokeAccessTokens?: boolean;
  /** `redirect_uri` goes along with a refresh (Bugfender). */
  readonly refreshSendsRedirectUri: boolean;
  /** A refresh revokes the old access token at once (Bipsync; invariant 11). */
  readonly refreshKillsAccessToken: boolean;
  /** Seconds for which a spent refresh token still works; 0 where the vendor declares none. */
  readonly graceWindow: number;
  /** What the token-owner endpoint may tell callers, by member. */
  readonly userinfoMembers: readonly string[];
  /** HTTP statuses of the vendor's API that mean "this token is no good". */
  readonly rejectionStatuses: readonly number[];
}
