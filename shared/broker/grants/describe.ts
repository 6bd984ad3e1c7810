import type { ConnectionAnswer, GrantAnswer, GrantState } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import type { Permitted } from '../audit.ts';
import type { Failure, Grant, GrantOutline, GrantsTable, TokenEntry, TokensTable } from '../ports.ts';
import { type Found, isGrant, type Span, subjectOf, tokenRequest } from '../request.ts';
import { cacheKey } from '../tokens/cache-key.ts';
import { mismatch } from './binding.ts';
import { isExpiring, refreshTokenEnd } from './refresh-token-life.ts';
import { latestFailure, scopeKey, warmScopes } from './states.ts';

export interface DescribeParts {
  readonly tokens: TokensTable;
  readonly grants: GrantsTable;
}

export interface DescribeRequest extends Found, Span {
  /** Absent: the whole connection. */
  readonly subject?: string;
}

/** Grants that are counted for one answer: a count of all would read every byte of every grant. */
const MOST_COUNTED = 1_000;

/**
 * One connection's state, never a secret. A connection that acts for itself shows its default token's; one
 * that acts for others shows one subject's grant, or the number of its grants by state.
 */
export function describer({ tokens, grants }: DescribeParts): Permitted<DescribeRequest, ConnectionAnswer> {
  return async (request, _note, { subjects }) => {
    const settings = settingsOf(request);
    if (!isGrant(request.connection)) return { ...settings, ...(await tokenState(request)) };
    const { name } = request.connection;
    if (request.subject === undefined) return { ...settings, ...(await counts(request, subjects)) };
    const { subject } = request;
    return { ...settings, subject, ...grantState(request, await grants.read({ connection: name, subject })) };
  };

  /** @param subjects all that the caller may know of; absent: every one */
  async function counts(
    found: DescribeRequest,
    subjects: readonly string[] | undefined,
  ): Promise<Partial<ConnectionAnswer>> {
    const { name: connection } = found.connection;
    const admitted = subjects?.map((subject) => grants.outline({ connection, subject }));
    const outlines = admitted
      ? (await Promise.all(admitted)).filter((outline) => outline !== undefined)
      : await grants.outlines(connection, MOST_COUNTED);
    const counted: Record<GrantState, number> = { active: 0, in_doubt: 0, consent_required: 0, revoked: 0 };
    for (const outline of outlines) {
      const status = statusOf(found, outline);
      if (status !== 'none') counted[status] += 1;
    }
    const { vendor, begunAt } = found;
    const expiring = outlines.filter((outline) => isExpiring(outline, vendor, begunAt)).length;
    return {
      grants: counted,
      ...(expiring > 0 && { grants_expiring: expiring }),
      ...(outlines.length === MOST_COUNTED && { grants_truncated: true }),
    };
  }

  async function tokenState(request: DescribeRequest): Promise<Partial<ConnectionAnswer>> {
    const { connection, vendor } = request;
    subjectOf(connection, request.subject);
    // A connection without a default scope has no default token to show.
    if (vendor.scopeProblem?.(connection.scope, connection.grant)) return {};
    if (connection.scope.some((scope) => vendor.params[scope])) return {};
    const key = cacheKey(tokenRequest(connection, vendor, {}, request));
    return entryState(await tokens.read(key, { consistent: false }));
  }
}

function settingsOf({ connection, vendor }: Found): ConnectionAnswer {
  return {
    connection: connection.name,
    vendor: vendor.name,
    grant_type: connection.grant,
    ...(connection.webIdentity && { client_auth: 'aws_web_identity' }),
    ...(connection.scope.length > 0 && { scope: connection.scope.join(' ') }),
    scopes: [...connection.scopes],
    api_hosts: [...connection.apiHosts],
    rejection_statuses: [...vendor.rejectionStatuses],
    ...(connection.owner !== undefined && { owner: connection.owner }),
    ...(connection.tags && { tags: { ...connection.tags } }),
  };
}

function entryState(entry: TokenEntry | undefined): Partial<ConnectionAnswer> {
  return {
    ...(entry?.token && {
      expires_at: rfc3339(entry.token.expiresAt),
      last_refresh: rfc3339(entry.token.mintedAt),
    }),
    ...(entry?.failure && { last_failure: shown(entry.failure) }),
  };
}

function grantState(found: Found & Span, grant: Grant | undefined): Partial<ConnectionAnswer> {
  if (!grant || grant.status === 'forgotten') return { grant_status: 'none' };
  const token = grant.tokens[scopeKey(grant.scopes)];
  const failure = latestFailure(grant, scopeKey(warmScopes(grant, found.connection)));
  return {
    grant_status: statusOf(found, grant),
    ...(token && { expires_at: rfc3339(token.expiresAt) }),
    last_refresh: rfc3339(grant.lastRefreshAt ?? grant.consentedAt),
    ...refreshTokenState(found, grant),
    ...(failure && { last_failure: shown(failure) }),
  };
}

/** One of a list, without anything of it being opened. */
export function shownGrant(found: Found & Span, grant: GrantOutline): GrantAnswer {
  const { subject, scopes, expiresAt, lastRefreshAt, consentedAt, consentedBy } = grant;
  const failure = latestFailure(grant, scopeKey(warmScopes(grant, found.connection)));
  const status = statusOf(found, grant);
  return {
    subject,
    grant_status: status === 'none' ? 'revoked' : status,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(expiresAt !== undefined && { expires_at: rfc3339(expiresAt) }),
    ...(lastRefreshAt !== undefined && { last_refresh_at: rfc3339(lastRefreshAt) }),
    ...refreshTokenState(found, grant),
    consented_at: rfc3339(consentedAt),
    consented_by: consentedBy,
    ...(failure && { last_failure: shown(failure) }),
  };
}

function refreshTokenState({ vendor, begunAt }: Found & Span, grant: Parameters<typeof isExpiring>[0]) {
  const end = refreshTokenEnd(grant, vendor);
  return {
    ...(end !== undefined && { refresh_token_expires_at: rfc3339(end) }),
    ...(isExpiring(grant, vendor, begunAt) && { expiring: true as const }),
  };
}

function statusOf({ connection, vendor }: Found, grant: GrantOutline): GrantState | 'none' {
  if (grant.status === 'forgotten') return 'none';
  if (grant.status !== 'active') return grant.status;
  if (mismatch(grant, connection, vendor, connection.scope)) return 'consent_required';
  return grant.attempts.length > 0 ? 'in_doubt' : 'active';
}

function shown(failure: Failure): NonNullable<ConnectionAnswer['last_failure']> {
  const { code: error, step, vendorStatus, vendorError, at } = failure;
  return present({ error, step, http_status: vendorStatus, vendor_error: vendorError, at: rfc3339(at) });
}

export function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
