/**
 * From "may we?" to a stored grant: authorization code with PKCE (RFC 6749 §4.1, RFC 7636) and device
 * authorization (RFC 8628). This is how a consent goes on once it was started (`start.ts`): by what the
 * caller brings, or by what the vendor sends a person's browser back with.
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError, VendorError } from '../../contract/errors.ts';
import type { ConsentStatusAnswer } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import type { Redacted } from '../../contract/redacted.ts';
import { authorizationCodeParameters, readAuthorizationResponse } from '../../oauth/authorization.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { accessDenied } from '../authorize.ts';
import type { CodeConsent, PendingConsent } from '../ports.ts';
import { isSamePrincipal } from '../principals.ts';
import type { FindConnection, Span } from '../request.ts';
import { devicePoller } from './device.ts';
import { handleOf, type PendingConsentParts, pendingConsents, statusOf, whatFailed } from './pending.ts';
import { consentStarter, type StartConsentParts } from './start.ts';

export interface ConsentParts extends PendingConsentParts, StartConsentParts {
  readonly find: FindConnection;
}

export interface ContinueConsent extends Span {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly consent: string;
  readonly principal: string;
  /** What the vendor showed on screen (out-of-band redirect). */
  readonly code?: Redacted;
}

/** What the page of `/callback` says. `unknown` names nothing, since nothing is known of who asks. */
export type CallbackOutcome =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'connected' | 'denied' | 'expired' | 'failed' | 'pending';
      readonly connection: string;
      readonly subject: string;
      readonly detail?: string;
    };

export interface Consents {
  readonly start: ReturnType<typeof consentStarter>;
  /** Redeems an out-of-band code, or polls a device consent once. */
  proceed(request: ContinueConsent): Promise<ConsentStatusAnswer>;
  /** Finishes a consent with what the vendor sent the person's browser back with. */
  callback(parameters: URLSearchParams, span: Span): Promise<CallbackOutcome>;
}

export function consents(parts: ConsentParts): Consents {
  const table = parts.consents;
  const pendings = pendingConsents(parts);
  const poll = devicePoller({ clock: parts.clock, pendings });

  return { start: consentStarter(parts), proceed, callback };

  async function proceed(request: ContinueConsent): Promise<ConsentStatusAnswer> {
    const { connection, vendor, consent: handle, code, endsAt } = request;
    const pending = await table.read(handle);
    // A consent is finished by the principal that started it.
    if (pending && pending.connection !== connection.name) throw accessDenied();
    if (pending && !isSamePrincipal(pending.startedBy, request.principal)) throw accessDenied();
    if (!pending || pendings.isOver(pending)) return { status: 'expired' };
    if (pending.kind === 'device') return poll(handle, pending, request);
    if (pending.status !== 'pending') return statusOf(pending);
    const claim = code && (await pendings.claim(handle, pending, { endsAt }));
    if (!claim) return { status: 'pending' };
    const parameters = codeParameters(pending, code);
    await pendings.redeem(claim, { connection, vendor, parameters, afterFailure: afterTypedCode(pending) });
    return { status: 'granted' };
  }

  async function callback(parameters: URLSearchParams, span: Span): Promise<CallbackOutcome> {
    const state = parameters.get('state') ?? '';
    const handle = handleOf(state);
    const pending = await table.read(handle);
    const found = pending && parts.find(pending.connection);
    if (!pending || !found || pending.kind === 'device') return { kind: 'unknown' };
    const names = { connection: pending.connection, subject: pending.subject };
    if (pendings.isOver(pending)) return { ...names, kind: 'expired' };
    if (pending.status !== 'pending') return { ...names, ...outcomeOf(pending) };
    const response = readQuietly(parameters, state, pending);
    // Malformed, or of another server: nothing is used up, and the person's true answer may still come.
    if (response instanceof BrokerError) return { ...names, kind: 'failed', detail: response.message };
    if ('refused' in response) {
      const denied = response.error === 'access_denied';
      const named = response.error ?? 'one that it did not name';
      const detail = denied ? undefined : `The vendor answered with an error: ${named}.`;
      return {
        ...names,
        ...outcomeOf(await pendings.close(handle, pending, denied ? 'denied' : 'failed', detail)),
      };
    }
    const claim = await pendings.claim(handle, pending, span);
    if (!claim) return { ...names, kind: 'pending' };
    const codeGrant = codeParameters(pending, response.code);
    try {
      await pendings.redeem(claim, { ...found, parameters: codeGrant, afterFailure: () => 'failed' });
      return { ...names, kind: 'connected' };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return { ...names, kind: 'failed', ...present({ detail: whatFailed(error) }) };
    }
  }
}

/**
 * Nobody has taken a code that the vendor refused, or that was not sent: a person may have mistyped it, and types it
 * again. What may have been redeemed is not sent again: that could end the very grant that it gave (RFC 6749 §4.1.2).
 */
function afterTypedCode(pending: CodeConsent) {
  return (error: unknown): CodeConsent | 'failed' => {
    const untaken =
      error instanceof VendorError
        ? !error.ambiguous
        : error instanceof BrokerError && error.code === 'secret_unavailable';
    return untaken ? pending : 'failed';
  };
}

function readQuietly(parameters: URLSearchParams, state: string, { endpoints }: PendingConsent) {
  try {
    return readAuthorizationResponse(parameters, { state, ...endpoints });
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}

function codeParameters({ redirectUri, codeVerifier }: CodeConsent, code: Redacted): Record<string, string> {
  return authorizationCodeParameters({ code, redirectUri, codeVerifier });
}

/** What the page calls each status. */
const SHOWN = {
  pending: 'pending',
  finishing: 'pending',
  granted: 'connected',
  denied: 'denied',
  expired: 'expired',
  failed: 'failed',
} as const satisfies Record<PendingConsent['status'], CallbackOutcome['kind']>;

function outcomeOf(
  consent: PendingConsent,
): Pick<Exclude<CallbackOutcome, { kind: 'unknown' }>, 'kind' | 'detail'> {
  const detail = consent.kind === 'closed' ? consent.outcome : undefined;
  return { kind: SHOWN[consent.status], ...present({ detail }) };
}
