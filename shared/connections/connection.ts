import type { Action } from '../contract/messages.ts';
import type { KmsAlgorithm } from './kms.ts';

/** How the broker proves itself at a token endpoint (RFC 6749 §2.3, RFC 7523 §2.2). */
export const CLIENT_AUTH_METHODS = [
  'client_secret_post',
  'client_secret_basic',
  /** `base64(id:secret)` without RFC 6749's form-encoding of the parts first, as Bits has it. */
  'client_secret_basic_raw',
  'private_key_jwt',
  /** An assertion by HMAC with the secret (OpenID Connect Core §9). */
  'client_secret_jwt',
  /** A token by which AWS vouches for the broker's role, as the assertion: no secret is stored. */
  'aws_web_identity',
  'none',
] as const;
export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number];

/** Where the key is that signs assertions: in the secret, or in KMS, which it never leaves. */
export const SIGNING_KEYS = ['private_key', 'kms'] as const;

/** What AWS signs its tokens by (STS API Reference, "GetWebIdentityToken"). */
export const WEB_IDENTITY_ALGORITHMS = ['RS256', 'ES384'] as const;

/** Seconds that AWS's word is good for: the least that STS gives. */
export const WEB_IDENTITY_LIFE = 60;

/** Who the client is at its server, where AWS vouches for it, and the token that is asked of AWS. */
export interface WebIdentity {
  readonly clientId: string;
  /** `aud`. */
  readonly audience: string;
  readonly algorithm: (typeof WEB_IDENTITY_ALGORITHMS)[number];
}

/** `aud` of client assertions (RFC 7523 §3); `endpoint` is the URL that is called. */
export const ASSERTION_AUDIENCES = ['token_endpoint', 'issuer', 'endpoint'] as const;
export type AssertionAudience = (typeof ASSERTION_AUDIENCES)[number];

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** Assertions that the client signs (RFC 7523 §2.1), and exchanges for a token (RFC 8693 §2.1). */
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const GRANT_TYPES = [
  'client_credentials',
  'authorization_code',
  DEVICE_CODE_GRANT,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

/** The client's own assertion is the grant. */
export function isAssertionGrant(
  grant: GrantType,
): grant is typeof JWT_BEARER_GRANT | typeof TOKEN_EXCHANGE_GRANT {
  return grant === JWT_BEARER_GRANT || grant === TOKEN_EXCHANGE_GRANT;
}

/** The client acts for itself: nobody consents, and there is no refresh token. */
export function isForItself(grant: GrantType): boolean {
  return grant === 'client_credentials' || isAssertionGrant(grant);
}

/** The redirect URI that makes a vendor show the code on screen. */
export const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';

/** One entry of `callers`: who may do what. Absent members allow all that the connection allows. */
export interface CallerRule {
  /** `arn:PARTITION:iam::ACCOUNT:role/NAME` (with `*` in NAME), `…:user/NAME` or `…:root`. */
  readonly principal: string;
  readonly scopes?: readonly string[];
  readonly subjects?: readonly string[];
  readonly actions: readonly Action[];
}

/** A connection as the broker uses it: checked, every default filled in. Never holds a secret. */
export interface Connection {
  readonly name: string;
  readonly vendor: string;
  /** Origin that replaces scheme and host of every endpoint; no trailing slash. */
  readonly baseUrl?: string;
  /** The customer's part of the host name (Bipsync). */
  readonly tenant?: string;
  /** `custom` only: where its endpoints are, by discovery (RFC 8414) or one by one. */
  readonly issuer?: string;
  readonly tokenEndpoint?: string;
  readonly authorizationEndpoint?: string;
  readonly deviceAuthorizationEndpoint?: string;
  readonly pushedAuthorizationRequestEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly userinfoEndpoint?: string;
  /** Hosts, beside the issuer's own, on which discovered endpoints may be. */
  readonly endpointHosts: readonly string[];
  readonly server: ServerSettings;
  readonly grant: GrantType;
  readonly clientAuth: ClientAuthMethod;
  /** By what the KMS key signs that takes a private key's place; absent: nothing does. */
  readonly kmsAlgorithm?: KmsAlgorithm;
  /** The public halves of its keys are there for everybody (RFC 7517), and assertions name theirs. */
  readonly servesJwks: boolean;
  /** Present with `aws_web_identity` alone. */
  readonly webIdentity?: WebIdentity;
  /** Its name before: grants are looked for there as well, and move. */
  readonly renamedFrom?: string;
  /** Name or ARN of the Secrets Manager secret; with `webIdentity` there is none. */
  readonly secret: string;
  /** Asked for when a request names no scope; deduplicated, sorted by code unit. */
  readonly scope: readonly string[];
  /** What may be asked for; includes `scope`. */
  readonly scopes: readonly string[];
  /** `undefined`: IAM alone decides. */
  readonly callers?: readonly CallerRule[];
  /** `undefined`: the deployment's own `/callback/CONNECTION`. */
  readonly redirectUri?: string;
  /** Hosts that the page at the end of a consent may link back to. */
  readonly returnHosts: readonly string[];
  readonly authorizeParams: Readonly<Record<string, string>>;
  readonly refresh: 'keep_warm' | 'on_use';
  /** Seconds after which an `on_use` grant is rotated, so that it does not idle out. */
  readonly rotateEvery: number;
  /** Host names to which tokens may be sent. */
  readonly apiHosts: readonly string[];
  /** Lambda does not tell who invokes, so it is off where there are `callers`, unless the file says otherwise. */
  readonly directInvoke: boolean;
  /** Seconds between two mints forced by `rejected` or `min_ttl`. */
  readonly minMintInterval: number;
  /** Calls of the vendor for callers' sake, a minute. */
  readonly vendorBudget: { readonly perMinute: number; readonly perPrincipal: number };
  readonly owner?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Seconds that a refresh token lives: since the consent, and unused. */
export interface RefreshTokenLifetime {
  readonly absolute?: number | undefined;
  readonly idle?: number | undefined;
}

/** How a server of `custom` differs from the standards; what is absent is as they have it. */
export interface ServerSettings {
  /** Seconds. */
  readonly defaultLifetime?: number;
  /** Seconds. */
  readonly graceWindow?: number;
  readonly refreshTokenLifetime?: RefreshTokenLifetime;
  /** Seconds. */
  readonly minimumRefreshAge?: number;
  readonly refreshKillsAccessToken?: boolean;
  readonly rejectionStatuses?: readonly number[];
  /** Sent with every token request; a name may have several values. */
  readonly tokenParams?: Readonly<Record<string, string | readonly string[]>>;
  /** Of the token endpoint's answer, in which the members of RFC 6749 §5.1 stand. */
  readonly tokenMember?: string;
  /** What the server calls Bearer tokens (Slack: `user`, `bot`). */
  readonly tokenType?: string;
  readonly scopeSeparator?: ' ' | ',';
  readonly bodyEncoding?: 'form' | 'json' | 'multipart';
  readonly assertionAudience?: AssertionAudience;
  /** Of assertions that are a grant, beside or in place of `iss`, `sub`, `aud` and `scope`. */
  readonly assertionClaims?: Readonly<Record<string, string>>;
  /** What the server calls client credentials (Zoom: `account_credentials`). */
  readonly grantType?: string;
  /** Names that callers may send as `params`. */
  readonly params?: readonly string[];
  readonly tokenHeaders?: Readonly<Record<string, string>>;
  /** A refresh names its scopes also where it does not narrow them. */
  readonly scopeOnRefresh?: boolean;
  /** What the server says instead of `invalid_grant` of a refresh token that is over. */
  readonly deadGrantErrors?: readonly string[];
  /** The end of a refresh token does not end the access tokens that it gave. */
  readonly revokeAccessTokens?: boolean;
  readonly pkce?: boolean;
}

/** One mistake in a connections file. */
export interface ConnectionsIssue {
  /** Where, e.g. `connections.crash-symbols.scope`. */
  readonly path: string;
  /** What stands there, or that it is missing. */
  readonly found: string;
  /** What is allowed there. */
  readonly allowed: string;
}

/** What the connections file must know of a vendor to check a connection of its. */
export interface VendorRules {
  readonly name: string;
  /** As people know it; absent: the host of its server. */
  readonly title?: string;
  /** Grants that the vendor offers; the first is the default. */
  readonly grants: readonly GrantType[];
  /** Client authentication that the vendor takes; the first is the default. */
  readonly clientAuth: readonly ClientAuthMethod[];
  /** Every scope that the vendor has; `undefined`: any RFC 6749 scope token. */
  readonly scopes?: readonly string[];
  /** Members of the file that this vendor takes beside the common ones, and whether it needs them. */
  readonly members: Readonly<Partial<Record<VendorMember, 'optional' | 'required'>>>;
  /** Extra claims, by the scope that needs them; all of them required with it, none allowed without. */
  readonly params: Readonly<Record<string, readonly string[]>>;
  /** What else is wrong with these scopes for this grant, as a sentence; `undefined` when nothing. */
  scopeProblem?(scopes: readonly string[], grant: GrantType): string | undefined;
  /** What else is wrong with a connection whose members have the right shapes, if not always the right values. */
  problems?(connection: Connection): ConnectionsIssue[];
  /** Host (with port, if any) that will see the secret; two connections share a secret only if it is the same. */
  tokenHost(connection: Connection): string;
  /** Where this vendor's tokens may be sent when the connection does not say. */
  apiHosts(connection: Connection): readonly string[];
}

/** Members that are a URL of the server which the broker calls, or sends people to. */
export const ENDPOINTS = [
  'issuer',
  'token_endpoint',
  'authorization_endpoint',
  'device_authorization_endpoint',
  'pushed_authorization_request_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
] as const;

/** Members that say how a server differs from the standards. */
export const SERVER_MEMBERS = [
  'default_lifetime',
  'grace_window',
  'refresh_token_lifetime',
  'minimum_refresh_age',
  'refresh_kills_access_token',
  'rejection_statuses',
  'token_params',
  'token_member',
  'token_type',
  'scope_separator',
  'body_encoding',
  'assertion_audience',
  'assertion_claims',
  'grant_type',
  'params',
  'token_headers',
  'scope_on_refresh',
  'dead_grant_errors',
  'revoke_access_tokens',
  'pkce',
] as const;

/** Members of a connection that only some vendors take. */
export type VendorMember =
  | 'tenant'
  | (typeof ENDPOINTS)[number]
  | 'endpoint_hosts'
  | (typeof SERVER_MEMBERS)[number];
