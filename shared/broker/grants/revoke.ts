/**
 * Ending a grant: a tombstone first, so that whatever is in flight loses; then the vendor; then forgetting.
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError, UnreadableValue, VendorError } from '../../contract/errors.ts';
import type { RevokeAnswer } from '../../contract/messages.ts';
import { revokeToken } from '../../oauth/revocation.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import type { Grant, GrantKey, GrantsTable, Rescues, Stored } from '../ports.ts';
import type { Found, Span } from '../request.ts';
import { retryWhileUnavailable } from '../retry-while-unavailable.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import { nextFailure } from '../vendor/failure.ts';
import { checkBinding } from './binding.ts';
import { discardQuietly } from './commit-refresh.ts';
import { buried, forgotten, isGone, untold, withLate } from './states.ts';

export interface RevokeParts extends Pick<VendorAccessParts, 'clock' | 'timing' | 'observe'> {
  readonly grants: GrantsTable;
  readonly rescues: Rescues;
  readonly access: VendorAccess;
  /** Drops what this process remembers of the grant's tokens. */
  readonly forget: Forget;
}

export type Forget = (grant: GrantKey) => void;

export interface RevokeRequest extends Span {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly subject: string;
  /** Forget even if the vendor cannot be reached. */
  readonly force: boolean;
}

/** A token that the vendor is to end, as `revokeToken` takes it. */
type Ending = Pick<Parameters<typeof revokeToken>[0], 'token' | 'tokenTypeHint'>;

/**
 * Ends a refresh token that arrived after the revocation of its grant (invariant 12): kept in the tombstone, so that
 * the vendor is told until it has been told. Where a grant stands, of the same consent or of a newer one, nothing is
 * ended: many vendors would end it too (RFC 7009 §2.1). Never fails.
 */
export type EndLate = (
  found: Found,
  late: Pick<Grant, keyof GrantKey | 'generation' | 'refreshToken'>,
  acquisition: Acquisition,
) => Promise<void>;

export function revoker(parts: RevokeParts) {
  const { clock, timing, grants, rescues, access, observe } = parts;

  return {
    revoke,
    endLate,
    finish: (tombstone: Stored<Grant>, found: Found, span: Pick<Span, 'endsAt'>) =>
      finish(tombstone, found, access.acquire(span)),
  };

  /** @throws BrokerError what the vendor or a store failed with; the tombstone stays, and asking again goes on */
  async function revoke(request: RevokeRequest): Promise<RevokeAnswer> {
    const key = { connection: request.connection.name, subject: request.subject };
    for (;;) {
      const seen = await readable(key, request.force);
      if (seen === 'unreadable') {
        if (await forgetUnread(key)) return { status: 'revoked', vendor: 'failed' };
        continue;
      }
      if (!seen || seen.status === 'forgotten') return { status: 'none' };
      const tombstone =
        seen.status === 'revoked' ? seen : await grants.write(seen, buried(seen, clock.now()));
      if (!tombstone) continue;
      parts.forget(key);
      // Once more: what was read ahead of the tombstone may have been remembered meanwhile.
      const vendor = await endAtVendor(request, seen).finally(() => parts.forget(key));
      for (const attempt of seen.attempts) await rescues.discard(seen, attempt);
      if (!(await grants.write(tombstone, forgotten(tombstone, clock.now())))) continue;
      observe({ type: 'grant', change: 'revoked', ...key });
      return { status: 'revoked', vendor };
    }
  }

  /** Tells the vendor of a tombstone that an earlier revocation left, and forgets it then. Throws what the vendor failed with. */
  async function finish(tombstone: Stored<Grant>, found: Found, acquisition: Acquisition): Promise<void> {
    try {
      await tell(found, tombstone, acquisition);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      const failure = nextFailure(error, tombstone.lastFailure, timing, clock.now());
      await grants.write(tombstone, untold(tombstone, failure, clock.now()));
      throw error;
    }
    await discardQuietly(rescues, tombstone, tombstone.attempts);
    await grants.write(tombstone, forgotten(tombstone, clock.now()));
  }

  async function readable(key: GrantKey, force: boolean): Promise<Stored<Grant> | undefined | 'unreadable'> {
    try {
      return await grants.read(key);
    } catch (error) {
      if (force && error instanceof UnreadableValue) return 'unreadable';
      throw error;
    }
  }

  /** What does not open cannot be told to the vendor; with `force` it is forgotten all the same. */
  async function forgetUnread(key: GrantKey): Promise<boolean> {
    const outline = await grants.outline(key);
    if (outline && !(await grants.remove(outline))) return false;
    parts.forget(key);
    observe({ type: 'grant', change: 'revoked', ...key });
    return true;
  }

  async function endAtVendor(
    request: RevokeRequest,
    grant: Stored<Grant>,
  ): Promise<NonNullable<RevokeAnswer['vendor']>> {
    try {
      return (await tell(request, grant, access.acquire(request))) ? 'revoked' : 'not_supported';
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code === 'store_unavailable') throw error;
      if (request.force) return 'failed';
      throw notForgotten(error);
    }
  }

  /** Ends all that the grant gave; `false` when the vendor has no revocation endpoint. */
  async function tell(
    { connection, vendor }: Found,
    grant: Stored<Grant>,
    acquisition: Acquisition,
  ): Promise<boolean> {
    const tokens = await tokensToEnd(grant, vendor.revokeAccessTokens ?? false);
    const ended = tokens.map((token) => end(connection, vendor, token, acquisition, grant));
    return (await Promise.all(ended)).every(Boolean);
  }

  /**
   * The stored refresh token, and those in rescued answers that no refresh has adopted yet: what they gave ends
   * with them. Where the vendor gave none, or ends no access tokens with them (`accessTokensToo`), the access tokens.
   */
  async function tokensToEnd(grant: Stored<Grant>, accessTokensToo: boolean): Promise<Ending[]> {
    const generation = (isGone(grant) && grant.endedGeneration) || grant.generation;
    const rescued = await Promise.all(grant.attempts.map((each) => rescues.find(grant, generation, each)));
    const refreshTokens = [grant, ...rescued].flatMap((holder) => holder?.refreshToken ?? []);
    const accessTokens = accessTokensToo || refreshTokens.length === 0 ? Object.values(grant.tokens) : [];
    return [
      ...refreshTokens.map((token): Ending => ({ token, tokenTypeHint: 'refresh_token' })),
      ...accessTokens.map(
        ({ accessToken }): Ending => ({ token: accessToken, tokenTypeHint: 'access_token' }),
      ),
    ];
  }

  /** `false` when the vendor has no revocation endpoint. */
  async function end(
    connection: Connection,
    vendor: Vendor,
    token: Ending,
    { budget }: Acquisition,
    grant?: Grant,
  ): Promise<boolean> {
    return access.withClient(connection, async (client) => {
      const endpoints = await access.endpoints(connection, vendor, budget);
      if (!endpoints.revocationEndpoint) return false;
      if (grant) checkBinding(grant, endpoints, client.clientId);
      const { clientAuth } = connection;
      const { dialect } = vendor;
      await access.timed(connection, 'revoke', () =>
        revokeToken({ endpoints, client, clientAuth, dialect, budget, ...token }),
      );
      return true;
    });
  }

  async function endLate(...[found, late, acquisition]: Parameters<EndLate>): Promise<void> {
    const { refreshToken: token } = late;
    if (!token) return;
    const { connection, vendor } = found;
    const kept = await retryWhileUnavailable(clock, acquisition.deadline, () => keepLate(late));
    // As long as nobody knows what stands there, nothing is ended: it might be what is in use.
    if (kept === undefined || kept === 'in use') return;
    const told =
      kept === 'not kept'
        ? end(connection, vendor, { token, tokenTypeHint: 'refresh_token' }, acquisition)
        : finish(kept, found, acquisition);
    await told.catch(() => undefined);
  }

  /** Its tombstone with it; `not kept`: there is none that could hold it; `in use`: a grant stands, and might end with it. */
  async function keepLate(late: Parameters<EndLate>[1]): Promise<Stored<Grant> | 'not kept' | 'in use'> {
    for (;;) {
      const seen = await grants.read(late);
      if (seen && !isGone(seen)) return 'in use';
      const next = seen && withLate(seen, late, clock.now());
      if (!next) return 'not kept';
      const tombstone = await grants.write(seen, next);
      if (tombstone) return tombstone;
    }
  }
}

function notForgotten(error: BrokerError): BrokerError {
  const description = `${error.message} The grant gives no more tokens, but is kept so that the vendor can be asked again: repeat this, or send force=true to forget it without the vendor.`;
  if (error instanceof VendorError) return new VendorError(error.code, description, error);
  return new BrokerError(error.code, description);
}
