/**
 * A connection as the connections file has it, for those who write it in TypeScript: the editor then offers
 * what is allowed. Values are checked at synth all the same, with whatever a type cannot say.
 */
import type { AssertionAudience, ClientAuthMethod, GrantType } from '../shared/connections/connection.ts';
import type { KmsAlgorithm } from '../shared/connections/kms.ts';
import type { Action } from '../shared/contract/messages.ts';
import type { VendorName } from '../shared/vendors/index.ts';

/**
 * One connection.
 * @typeParam Vendor - names of vendors that the deployment brings along
 * @example
 * ```ts
 * import type { ConnectionMembers } from 'token-broker/cdk';
 * const onboarding: ConnectionMembers = { vendor: 'bugsplat', secret: 'token-broker/bugsplat' };
 * ```
 */
export interface ConnectionMembers<Vendor extends string = never> {
  /** Which OAuth server gives the tokens. */
  readonly vendor: VendorName | NoInfer<Vendor>;
  /** The customer's part of the vendor's host name. */
  readonly tenant?: string;
  /** Issuer whose metadata names the endpoints (RFC 8414 discovery). */
  readonly issuer?: string;
  readonly token_endpoint?: string;
  readonly authorization_endpoint?: string;
  readonly device_authorization_endpoint?: string;
  readonly pushed_authorization_request_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly userinfo_endpoint?: string;
  /** Hosts, beside the issuer's own, on which discovered endpoints may be. */
  readonly endpoint_hosts?: readonly string[];
  /** How a `custom` server's tokens live: seconds without `expires_in`, and for which a spent refresh token still works. */
  readonly default_lifetime?: number;
  readonly grace_window?: number;
  /** Seconds that a refresh token lives: since the consent, and unused. */
  readonly refresh_token_lifetime?: { readonly absolute?: number; readonly idle?: number };
  /** Seconds for which a new refresh token is not used yet. Default: 0. */
  readonly minimum_refresh_age?: number;
  readonly refresh_kills_access_token?: boolean;
  /** HTTP statuses by which its API refuses a token. Default: 401. */
  readonly rejection_statuses?: readonly number[];
  /** Sent with every token request, e.g. `audience` or `resource` (RFC 8707). */
  readonly token_params?: Readonly<Record<string, string | readonly string[]>>;
  /** Member of the answer in which the token stands. Default: the answer itself. */
  readonly token_member?: string;
  /** What the server calls Bearer tokens. */
  readonly token_type?: string;
  readonly scope_separator?: ' ' | ',';
  readonly body_encoding?: 'form' | 'json' | 'multipart';
  /** `aud` of client assertions. Default: `token_endpoint`. */
  readonly assertion_audience?: AssertionAudience;
  /** Claims of assertions that are the grant (RFC 7523 §2.1, RFC 8693 §2.1). */
  readonly assertion_claims?: Readonly<Record<string, string>>;
  /** What the server calls client credentials. */
  readonly grant_type?: string;
  /** Names that callers may send in `params`. */
  readonly params?: readonly string[];
  readonly token_headers?: Readonly<Record<string, string>>;
  readonly scope_on_refresh?: boolean;
  /** What the server says of a refresh token that is over, beside `invalid_grant`. */
  readonly dead_grant_errors?: readonly string[];
  readonly revoke_access_tokens?: boolean;
  /** Whether the server takes PKCE. Default: true. */
  readonly pkce?: boolean;
  /** Replaces scheme and host of every endpoint; paths stay. */
  readonly base_url?: string;
  /** Default: the vendor's first, mostly `client_credentials`. */
  readonly grant?: GrantType;
  /** Default: the vendor's first. */
  readonly client_auth?: ClientAuthMethod;
  /** The client at its server, with `aws_web_identity` alone: else the secret says it. */
  readonly client_id?: string;
  /** `aud` of AWS's token, with `aws_web_identity`. Default: the issuer, else the token endpoint. */
  readonly identity_audience?: string;
  /** What signs assertions. Default: the secret's private key; `kms`: a key that the stack makes, and that never leaves KMS. */
  readonly signing?: 'private_key' | 'kms';
  /** By what the KMS key signs; or AWS its token: `RS256` or `ES384`. Default: `RS256`. */
  readonly signing_alg?: KmsAlgorithm;
  /** Whether the public halves of the keys are served at `/jwks/CONNECTION`, for servers that fetch them. Default: `false`. */
  readonly serve_jwks?: boolean;
  /** Name or ARN of the secret. Default: `token-broker/CONNECTION`. */
  readonly secret?: string;
  /** The name that the connection had before: its grants and its secret stay its own. */
  readonly renamed_from?: string;
  /** Asked for when a request names no scope; tokens separated by spaces. */
  readonly scope?: string;
  /** All that may be asked for. Default: `scope` alone. */
  readonly scopes?: readonly string[];
  /** Who may use the connection, beside what IAM allows. Default: everyone whom IAM lets through. */
  readonly callers?: readonly CallerRuleMembers[];
  /** Default: the deployment's own. */
  readonly redirect_uri?: string;
  /** Hosts that the page at the end of a consent may link back to. Default: none. */
  readonly return_hosts?: readonly string[];
  /** Parameters added to the authorization request. */
  readonly authorize_params?: Readonly<Record<string, string>>;
  /** `keep_warm` (default): the sweep renews before expiry; `on_use`: callers do, and the sweep rotates. */
  readonly refresh?: 'keep_warm' | 'on_use';
  /** Seconds. Default: 86400. */
  readonly rotate_every?: number;
  /** Hosts to which tokens may be sent. Default: the vendor's. */
  readonly api_hosts?: readonly string[];
  /** Allows direct invoke although `callers`, which cannot be checked there, is set. */
  readonly direct_invoke?: boolean;
  /** Calls of the vendor a minute, in all and for one principal. */
  readonly vendor_budget?: { readonly per_minute?: number; readonly per_principal?: number };
  /** Seconds between two mints forced by `rejected` or `min_ttl`. Default: 30. */
  readonly min_mint_interval?: number;
  /** Who answers for the connection. */
  readonly owner?: string;
  /** Shown with the connection; the broker does not read them. */
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * Who may use a connection, and for what.
 * @example
 * ```ts
 * import type { CallerRuleMembers } from 'token-broker/cdk';
 * const rule: CallerRuleMembers = { principal: 'arn:aws:iam::111122223333:role/ci-*', actions: ['token'] };
 * ```
 */
export interface CallerRuleMembers {
  /** `arn:PARTITION:iam::ACCOUNT:role/NAME` (with `*` in NAME), `…:user/NAME` or `…:root`. */
  readonly principal: string;
  readonly scopes?: readonly string[];
  readonly subjects?: readonly string[];
  /** Default: `token` and `read`. */
  readonly actions?: readonly Action[];
}

/**
 * A connections file's contents.
 * @typeParam Name - of the connections, so that granting one that does not exist fails in the editor
 * @example
 * ```ts
 * import type { ConnectionsDocument } from 'token-broker/cdk';
 * const document: ConnectionsDocument<'onboarding'> = {
 *   connections: {
 *     onboarding: { vendor: 'bugsplat', secret: 'token-broker/bugsplat' },
 *   },
 * };
 * ```
 */
export interface ConnectionsDocument<Name extends string = string, Vendor extends string = never> {
  readonly $schema?: string;
  readonly connections: Readonly<Record<Name, ConnectionMembers<Vendor>>>;
}

/**
 * A file, a folder of files (one a team, say), or the contents themselves.
 * @example
 * ```ts
 * import type { ConnectionsSource } from 'token-broker/cdk';
 * const file: ConnectionsSource = 'infra/connections.json';
 * ```
 */
export type ConnectionsSource<Name extends string = string, Vendor extends string = never> =
  | string
  | ConnectionsDocument<Name, Vendor>;

/**
 * An imported connections file, with the names that are in it. TypeScript takes what is in JSON for any text,
 * so that all but the names is left to synth.
 * @example
 * ```ts
 * import { App, Stack } from 'aws-cdk-lib';
 * import { imported, TokenBroker } from 'token-broker/cdk';
 * // import file from './connections.json' with { type: 'json' };
 * const file = { connections: { onboarding: { vendor: 'bugsplat' } } };
 * new TokenBroker(new Stack(new App(), 'Tokens'), 'Broker', { connections: imported(file) });
 * ```
 */
export function imported<Name extends string>(file: {
  readonly connections: Readonly<Record<Name, object>>;
}): ConnectionsDocument<Name> {
  return file as ConnectionsDocument<Name>;
}
