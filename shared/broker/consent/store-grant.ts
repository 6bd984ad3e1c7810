import { randomUUID } from 'node:crypto';
import type { Connection } from '../../connections/connection.ts';
import { BrokerError, StoreUnavailable } from '../../contract/errors.ts';
import { present } from '../../contract/present.ts';
import type { Token } from '../../oauth/token.ts';
import { requestToken } from '../../oauth/token-endpoint.ts';
import type { TokenReply } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { bindingOf, isLive, readToReplace } from '../grants/binding.ts';
import { discardQuietly } from '../grants/commit-refresh.ts';
import type { EndLate, Forget } from '../grants/revoke.ts';
import { dueAfter, scopeKey } from '../grants/states.ts';
import { tryReadToken } from '../grants/try-read-token.ts';
import type { Grant, GrantBinding, GrantsTable, OpenConsent, Rescues } from '../ports.ts';
import { retryWhileUnavailable } from '../retry-while-unavailable.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';

export interface StoreGrantParts extends Pick<VendorAccessParts, 'clock' | 'timing'> {
  readonly grants: GrantsTable;
  readonly rescues: Rescues;
  readonly access: VendorAccess;
  readonly endLate: EndLate;
  readonly forget: Forget;
}

export interface Redemption {
  readonly pending: OpenConsent;
  readonly connection: Connection;
  readonly vendor: Vendor;
  /** Of the token request: the code, or the device code, and what belongs to it. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly acquisition: Acquisition;
}

/**
 * Redeems a code and stores the grant under a new generation, in place of the one before.
 * @returns what whoever consented should know of it
 * @throws VendorError when the vendor refuses or fails; StoreUnavailable when the grant could not be stored
 */
export type StoreGrant = (redemption: Redemption) => Promise<string | undefined>;

/** Told at once, and not when it is too late. */
const NO_REFRESH_TOKEN =
  'The vendor gave no refresh token: this works until its token ends, and then takes a new consent. Many vendors give one for the scope offline_access, or for an authorize_params of theirs.';

const UNHELD = { code: 'consent_required', count: 1 } as const;

export function grantStorer(parts: StoreGrantParts): StoreGrant {
  const { clock, timing, grants, access } = parts;

  return async (redemption) => {
    const { reply, binding } = await send(redemption);
    const { token, error } = tryReadToken(reply);
    if (!reply.refreshToken && error) throw error;
    const grant = grantOf(redemption, binding, reply, token);
    let failure: unknown;
    const stored = await retryWhileUnavailable(
      clock,
      redemption.acquisition.deadline,
      () => store(grant, redemption),
      (error) => {
        failure = error;
      },
    );
    parts.forget(grant);
    if (stored === 'stored') return grant.lastFailure?.description;
    if (stored === 'taken') {
      // Nothing is revoked: at many vendors that would end the winner, too (RFC 7009 §2.1).
      throw new BrokerError(
        'invalid_request',
        'Another consent for this subject was finished first, and is kept.',
      );
    }
    if (stored === 'revoked') {
      await parts.endLate(redemption, grant, redemption.acquisition);
      throw new BrokerError(
        'invalid_request',
        'The grant was revoked after this consent was begun, and a consent begun before brings nothing back. Start a new one.',
      );
    }
    if (!(failure instanceof StoreUnavailable)) throw failure;
    throw new StoreUnavailable('The grant could not be stored. Start the consent again.');
  };

  function send({ parameters, acquisition, ...found }: Redemption) {
    return access.asClient(found, 'code', acquisition.budget, async (call) => {
      const reply = await requestToken({ ...call, parameters, resend: 'unsent' });
      return { reply, binding: bindingOf(call.endpoints, call.client.clientId) };
    });
  }

  async function store(grant: Grant, redemption: Redemption): Promise<'stored' | 'taken' | 'revoked'> {
    const { pending } = redemption;
    for (;;) {
      const existing = await readToReplace(grants, grant, pending.replace);
      // An earlier try of this very write whose answer was lost.
      if (existing?.generation === grant.generation) return 'stored';
      const changed = existing?.generation !== pending.generation;
      // Revoked since it was begun: what stands there tells of the last revocation, even after another consent.
      const ended = existing?.endedGeneration;
      if (ended !== undefined && ended !== pending.endedGeneration) return 'revoked';
      if (isLive(existing, redemption) && changed && !pending.replace) return 'taken';
      const next = { ...grant, ...present({ endedGeneration: ended }) };
      if (!(await grants.write(existing, next))) continue;
      // Those of the grant that was replaced open for nobody any more, and would lie there for ever.
      if (existing) await discardQuietly(parts.rescues, existing, existing.attempts);
      return 'stored';
    }
  }

  function grantOf(
    { pending, connection, vendor }: Redemption,
    binding: GrantBinding,
    reply: TokenReply,
    token: Token | undefined,
  ): Grant {
    const now = clock.now();
    const grant: Grant = {
      connection: pending.connection,
      subject: pending.subject,
      generation: randomUUID(),
      status: 'active',
      ...(reply.refreshToken
        ? { refreshToken: reply.refreshToken }
        : { lastFailure: { ...UNHELD, description: NO_REFRESH_TOKEN, at: now, until: now } }),
      ...(reply.refreshTokenEndsAt !== undefined && { refreshTokenEndsAt: reply.refreshTokenEndsAt }),
      tokens: token ? { [scopeKey(pending.scopes)]: token } : {},
      attempts: [],
      dueAt: now,
      binding,
      ...(pending.kind === 'code' && { redirectUri: pending.redirectUri }),
      scopes: pending.scopes,
      consentedAt: now,
      consentedBy: pending.startedBy,
    };
    return { ...grant, dueAt: dueAfter(grant, token, { connection, vendor, timing, now }) };
  }
}
