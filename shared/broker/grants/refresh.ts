/**
 * Refreshing a grant without ever losing its refresh token (invariants 3 and 4).
 *
 *   begin    one write proves the store writable and leaves intent: attempt, lease, due time
 *     │      a crash from here on leaves an unresolved attempt: the grant is in doubt
 *   recover  the answers to attempts that others left unresolved are adopted, if they were rescued
 *     │
 *   send     the refresh token travels once, unless the vendor declares a grace window
 *     │
 *   commit   the new refresh token and the access token go into the grant in one write, before anything else
 *     │      in the answer is judged; if that write fails, into a rescue secret too
 *   judge    only now
 *
 * What the vendor did not definitively refuse is sent again after the lease. `invalid_grant` is believed only
 * after a second read, and even then nothing is erased.
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError, VendorError } from '../../contract/errors.ts';
import { present } from '../../contract/present.ts';
import type { Redacted } from '../../contract/redacted.ts';
import type { Token } from '../../oauth/token.ts';
import { requestToken } from '../../oauth/token-endpoint.ts';
import type { TokenReply } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { ignoringUnavailable } from '../ignoring-unavailable.ts';
import type { Failure, Grant, RefreshableGrant, Stored } from '../ports.ts';
import type { TokenRequest } from '../request.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import { reporterOf, type SpendBudget } from '../vendor/budget.ts';
import { isRefusedClient } from '../vendor/client.ts';
import { endedAlready, nextFailure } from '../vendor/failure.ts';
import { checkBinding, consentRequired } from './binding.ts';
import { type CommitParts, commitRefresh, discardQuietly } from './commit-refresh.ts';
import type { EndLate } from './revoke.ts';
import {
  begun,
  committed,
  type DuePolicy,
  ended,
  inDoubt,
  noted,
  type RefreshAnswer,
  scopeKey,
  unspent,
  warmScopes,
} from './states.ts';
import { tryReadToken } from './try-read-token.ts';

export interface RefreshParts extends CommitParts, Pick<VendorAccessParts, 'timing' | 'observe'> {
  readonly access: VendorAccess;
  readonly spend: SpendBudget;
  readonly endLate: EndLate;
}

/** What a refresh is to bring; the sweep asks for the scopes that it keeps warm and no particular life. */
export interface RefreshRequest
  extends Pick<TokenRequest, 'connection' | 'vendor' | 'scopes' | 'minTtl' | 'endsAt' | 'spender'> {
  /** Brought about by `rejected` or `min_ttl`. */
  readonly forced: boolean;
}

/**
 * Refreshes the grant as it was seen. `undefined`: it has moved on since, or a rescued answer was adopted; look again.
 * @throws BrokerError with any code that a vendor or a store can cause
 */
export type Refresh = (seen: RefreshableGrant, request: RefreshRequest) => Promise<Token | undefined>;

export interface Refresher {
  readonly refresh: Refresh;
  /** Puts the newest rescued answer to an unresolved attempt into the grant. `false`: there is none. */
  readonly adoptRescue: (
    grant: Stored<Grant>,
    request: Pick<RefreshRequest, 'connection' | 'vendor'>,
  ) => Promise<boolean>;
}

/** Milliseconds. A token that ends while it is handed on helps nobody, and who gets none asks the vendor again at once. */
const HANDING_ON = 100;

export function refresher(parts: RefreshParts): Refresher {
  const { clock, timing, observe, grants, access } = parts;

  return { refresh, adoptRescue };

  async function refresh(seen: RefreshableGrant, request: RefreshRequest): Promise<Token | undefined> {
    const refused = await access.standingRefusal(request.connection);
    if (refused) throw refused;
    const acquisition = access.acquire(request);
    const held = await grants.write(seen, begun(seen, acquisition.lease));
    if (!held) return undefined;
    let reply: TokenReply;
    try {
      if (seen.attempts.length > 0 && (await adoptRescue(held, request))) return undefined;
      reply = await send(held, seen.refreshToken, request, acquisition);
    } catch (error) {
      return settle(held, request, acquisition, error, seen.dueAt);
    }
    return commit(held, request, acquisition, reply, seen.dueAt);
  }

  async function send(
    held: Stored<Grant>,
    refreshToken: Redacted,
    request: RefreshRequest,
    { budget }: Acquisition,
  ): Promise<TokenReply> {
    const parameters = refreshParameters(held, refreshToken, request);
    if (request.spender) await parts.spend(request.connection, request.spender);
    return access.asClient(request, 'refresh', budget, async (call) => {
      checkBinding(held, call.endpoints, call.client.clientId);
      const resend = request.vendor.graceWindow > 0 ? 'idempotent' : 'unsent';
      return requestToken({ ...call, parameters, resend });
    });
  }

  async function commit(
    held: Stored<Grant>,
    request: RefreshRequest,
    acquisition: Acquisition,
    reply: TokenReply,
    wasDue: number,
  ): Promise<Token | undefined> {
    const { token, error } = readLiving(reply);
    const key = scopeKey(request.scopes);
    const failure = error && nextFailure(error, held.failures?.[key], timing, clock.now());
    const answer: RefreshAnswer = {
      attempt: acquisition.lease.id,
      generation: held.generation,
      scopeKey: key,
      ...present({
        refreshToken: reply.refreshToken,
        refreshTokenEndsAt: reply.refreshTokenEndsAt,
        token,
      }),
    };
    const onDemand = token && (request.forced || token.expiresAt - token.mintedAt < request.minTtl);
    const next = (grant: Grant): Grant => ({
      ...committed(grant, answer, { ...policy(request), wasDue }, failure),
      ...(onDemand && {
        forced: noted(grant.forced, key, { at: token.mintedAt, by: reporterOf(request) }),
      }),
    });
    const result = await commitRefresh(parts, held, answer, next, acquisition.deadline);
    if (result === 'revoked' || result === 'superseded' || result === 'outrun') {
      observe({ type: 'grant', change: 'superseded', ...identity(held), attempt: answer.attempt });
      await parts.endLate(request, { ...held, ...answer }, acquisition);
      return undefined;
    }
    const change = { committed: 'refreshed', rescued: 'rescued', lost: 'in_doubt' } as const;
    observe({ type: 'grant', change: change[result], ...identity(held), attempt: answer.attempt });
    if (error) throw error;
    return token;
  }

  function readLiving(reply: TokenReply): ReturnType<typeof tryReadToken> {
    const read = tryReadToken(reply);
    return read.token && read.token.expiresAt <= clock.now() + HANDING_ON ? { error: endedAlready() } : read;
  }

  /** After a refusal or a failure: what it says of the refresh token decides what the grant becomes. */
  async function settle(
    held: Stored<Grant>,
    request: RefreshRequest,
    acquisition: Acquisition,
    error: unknown,
    before: number,
  ): Promise<undefined> {
    // Not one of ours: a defect. The lease runs out and the attempt is seen.
    if (!(error instanceof BrokerError)) throw error;
    const now = clock.now();
    if (error instanceof VendorError && saysItIsOver(error, request.vendor))
      return believe(held, request, error);
    const key = scopeKey(request.scopes);
    const isAmbiguous = error instanceof VendorError && error.ambiguous;
    const last = isAmbiguous ? held.lastFailure : held.failures?.[key];
    const failure = await failureOf(error, last, request.connection, now);
    if (isRefusedUnnamed(error) && isDead(held, key, request.connection, failure))
      return conclude(
        held,
        failure,
        'the vendor refuses its refresh token again and again, and does not say why',
      );
    if (isAmbiguous) {
      // A grace window makes sending again harmless; without one, the vendor gets the lease's time to finish.
      const soonest = request.vendor.graceWindow > 0 ? failure.until : acquisition.lease.until;
      await tryWrite(held, inDoubt(held, { ...failure, until: Math.max(failure.until, soonest) }, now));
      observe({ type: 'grant', change: 'in_doubt', ...identity(held), attempt: acquisition.lease.id });
    } else {
      await tryWrite(held, unspent(held, acquisition.lease.id, { key, failure, before }, policy(request)));
    }
    throw error;
  }

  /** What cannot be written is no loss: the lease runs out, and the attempt is seen to be unresolved. */
  async function tryWrite(held: Stored<Grant>, next: Grant): Promise<void> {
    await ignoringUnavailable(grants.write(held, next));
  }

  /** `invalid_grant` is believed once a consistent read after a pause shows no other writer and no rescued answer. */
  async function believe(
    held: Stored<Grant>,
    request: RefreshRequest,
    error: VendorError,
  ): Promise<undefined> {
    await clock.sleep(timing.settle);
    const current = await grants.read(held);
    if (current?.rev !== held.rev || (await adoptRescue(held, request))) return undefined;
    const failure = nextFailure(error, undefined, timing, clock.now());
    return conclude(held, failure, `the vendor ended the grant (${error.vendorError})`);
  }

  /** The vendor takes the refresh token no more. */
  async function conclude(held: Stored<Grant>, failure: Failure, why: string): Promise<undefined> {
    const attempt = held.lease?.id ?? '';
    const end = { ...failure, since: clock.now() };
    if (!(await grants.write(held, ended(held, attempt, end, clock.now())))) return undefined;
    const { vendorError } = failure;
    if (held.status === 'active')
      observe({
        type: 'grant',
        change: 'consent_required',
        ...identity(held),
        attempt,
        ...present({ vendorError }),
      });
    throw consentRequired(identity(held), why);
  }

  async function adoptRescue(
    held: Stored<Grant>,
    request: Pick<RefreshRequest, 'connection' | 'vendor'>,
  ): Promise<boolean> {
    // The attempt of whoever adopts has sent nothing, or was refused.
    const others = held.attempts.filter((each) => each !== held.lease?.id);
    for (const attempt of others.toReversed()) {
      const rescue = await parts.rescues.find(held, held.generation, attempt);
      if (!rescue) continue;
      const adopted = committed({ ...held, attempts: others }, rescue, policy(request));
      if (!(await grants.write(held, adopted))) return true;
      observe({ type: 'grant', change: 'adopted', ...identity(held), attempt });
      // Older ones too: with a newer answer in the grant, nobody asks for theirs again.
      const resolved = others.filter((each) => !adopted.attempts.includes(each));
      await discardQuietly(parts.rescues, held, resolved);
      return true;
    }
    return false;
  }

  async function failureOf(
    error: BrokerError,
    last: Failure | undefined,
    connection: Connection,
    now: number,
  ): Promise<Failure> {
    // That the vendor does not take the client belongs to the connection, where it is remembered, not to one grant.
    if (isRefusedClient(error)) return { ...nextFailure(error, undefined, timing, now), until: now };
    const version = await access.secretVersion(connection);
    const failure = nextFailure(error, last, timing, now, version);
    // Our own trouble (a missing secret, say) is held against nobody: the next caller may find it mended.
    return error instanceof VendorError ? failure : { ...failure, until: now };
  }

  function policy({ connection, vendor }: Pick<RefreshRequest, 'connection' | 'vendor'>): DuePolicy {
    return { connection, vendor, timing, now: clock.now() };
  }
}

function saysItIsOver({ vendorError = '' }: VendorError, { deadGrantErrors = [] }: Vendor): boolean {
  return vendorError === 'invalid_grant' || deadGrantErrors.includes(vendorError);
}

/** So many refusals without a name, over so much time, say that the refresh token is dead. */
const UNNAMED_REFUSALS = 3;
const UNNAMED_FOR = 120_000;

function isRefusedUnnamed(error: BrokerError): boolean {
  return (
    error instanceof VendorError &&
    error.code === 'vendor_rejected' &&
    error.vendorStatus === 400 &&
    error.vendorError === undefined
  );
}

/** Judged by the scopes that are kept warm alone: others may be what the vendor refuses. */
function isDead(held: Grant, key: string, connection: Connection, failure: Failure): boolean {
  if (key !== scopeKey(warmScopes(held, connection)) || held.attempts.length > 1) return false;
  const lasted = failure.at - (failure.since ?? failure.at);
  return held.status !== 'active' || (failure.count >= UNNAMED_REFUSALS && lasted >= UNNAMED_FOR);
}

/** RFC 6749 §6. `scope` only where it narrows; `redirect_uri` where the vendor's page shows it (Bugfender). */
function refreshParameters(
  grant: Grant,
  refreshToken: Redacted,
  { vendor, scopes }: RefreshRequest,
): Record<string, string> {
  // None at all cannot be asked for (RFC 6749 §3.3): the answer has what was consented to.
  const narrowed = scopes.length > 0 && scopeKey(scopes) !== scopeKey(grant.scopes);
  return {
    grant_type: 'refresh_token',
    refresh_token: refreshToken.reveal(),
    ...((narrowed || (vendor.scopeOnRefresh && scopes.length > 0)) && { scope: scopeKey(scopes) }),
    ...(vendor.refreshSendsRedirectUri && grant.redirectUri && { redirect_uri: grant.redirectUri }),
  };
}

function identity({ connection, subject }: Grant): { connection: string; subject: string } {
  return { connection, subject };
}
