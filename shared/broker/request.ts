import { type Connection, isForItself } from '../connections/connection.ts';
import { BrokerError } from '../contract/errors.ts';
import { DEFAULT_SUBJECT, type TokenOrigin, type TokenRequestBody } from '../contract/messages.ts';
import { scopeTokens } from '../contract/scope.ts';
import type { Token } from '../oauth/token.ts';
import type { Vendor } from '../vendors/vendor.ts';

/** When an invocation began, and by when it must have answered. Milliseconds since the epoch. */
export interface Span {
  readonly begunAt: number;
  readonly endsAt: number;
}

/** For whose sake the vendor is asked: a direct invoker cannot be told, and counts for its connection alone. */
export interface Spender {
  /** ARN. */
  readonly principal?: string;
}

/** What a caller asks for, after defaulting: everything that tells one token from another, and its needs. */
export interface TokenRequest extends Span {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly subject: string;
  /** Deduplicated, sorted by code unit. */
  readonly scopes: readonly string[];
  readonly params: Readonly<Record<string, string>>;
  /** Milliseconds of life that the token should have left. */
  readonly minTtl: number;
  /** Fingerprint of the token that the vendor's API refused. */
  readonly rejected?: string;
  /** For whose sake a vendor is asked; absent: for nobody's, and it is not counted. */
  readonly spender?: Spender;
}

export interface ServedToken {
  readonly token: Token;
  readonly source: TokenOrigin;
  readonly warning?: string;
}

/** The seam of the whole product: caching, leasing, authorization and audit are all one of these. */
export type TokenSource = (request: TokenRequest) => Promise<ServedToken>;

/**
 * Fills in what a body leaves out, and refuses what the connection or the vendor does not allow.
 * @throws BrokerError `invalid_request` naming the member and what is allowed
 */
export function tokenRequest(
  connection: Connection,
  vendor: Vendor,
  body: TokenRequestBody,
  span: Span,
  spender?: Spender,
): TokenRequest {
  const scopes = body.scope === undefined ? connection.scope : scopeTokens(body.scope);
  checkScopes(connection, vendor, scopes);
  const params = body.params ?? {};
  checkParams(vendor, scopes, params);
  return {
    connection,
    vendor,
    subject: subjectOf(connection, body.subject),
    scopes,
    params,
    minTtl: (body.min_ttl ?? 0) * 1000,
    ...(body.rejected === undefined ? {} : { rejected: body.rejected }),
    ...span,
    ...(spender && { spender }),
  };
}

/** A connection that acts for itself has one subject. @throws BrokerError `invalid_request` */
export function subjectOf(connection: Connection, subject = DEFAULT_SUBJECT): string {
  if (!isGrant(connection) && subject !== DEFAULT_SUBJECT) {
    throw new BrokerError(
      'invalid_request',
      `subject: this connection acts for itself (${connection.grant}); leave subject out or send "${DEFAULT_SUBJECT}".`,
    );
  }
  return subject;
}

function checkScopes(connection: Connection, vendor: Vendor, scopes: readonly string[]): void {
  const foreign = scopes.filter((scope) => !connection.scopes.includes(scope));
  if (foreign.length > 0) {
    const allowed = connection.scopes.length > 0 ? connection.scopes.join(' ') : 'none, leave it out';
    throw new BrokerError(
      'invalid_request',
      `scope: not allowed for this connection: ${foreign.join(' ')}. Allowed: ${allowed}.`,
    );
  }
  const problem = vendor.scopeProblem?.(scopes, connection.grant);
  if (problem) throw new BrokerError('invalid_request', `scope: ${problem}`);
  if (
    isGrant(connection) &&
    vendor.refreshKillsAccessToken &&
    scopes.join(' ') !== connection.scope.join(' ')
  ) {
    throw new BrokerError(
      'invalid_request',
      'scope: a refresh at this vendor revokes the access token before it, so that a grant has one set of scopes: leave scope out.',
    );
  }
}

/** Every claim that the scopes need must be there, and no other. */
function checkParams(
  vendor: Vendor,
  scopes: readonly string[],
  params: Readonly<Record<string, string>>,
): void {
  const needed = new Set(scopes.flatMap((scope) => vendor.params[scope] ?? []));
  const missing = [...needed].filter((name) => !Object.hasOwn(params, name));
  if (missing.length > 0) {
    throw new BrokerError(
      'invalid_request',
      `params: missing ${missing.join(', ')}, which scope ${scopes.join(' ')} needs.`,
    );
  }
  const admitted = [...needed, ...(vendor.optionalParams ?? [])];
  const unknown = Object.keys(params).filter((name) => !admitted.includes(name));
  if (unknown.length > 0) {
    const allowed = admitted.length > 0 ? admitted.join(', ') : 'none';
    throw new BrokerError(
      'invalid_request',
      `params: not allowed with this scope: ${unknown.map((name) => JSON.stringify(name)).join(', ')}. Allowed: ${allowed}.`,
    );
  }
}

/** Whether the connection acts for people or accounts that have consented. */
export function isGrant(connection: Connection): boolean {
  return !isForItself(connection.grant);
}

/** A connection of the file, with its vendor. */
export interface Found {
  readonly connection: Connection;
  readonly vendor: Vendor;
}
export type FindConnection = (name: string) => Found | undefined;
