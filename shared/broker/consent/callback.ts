/**
 * From "may we?" to a stored grant: authorization code with PKCE (RFC 6749 §4.1, RFC 7636) and device
 * authorization (RFC 8628). This is how a consent goes on once it was started (`start.ts`): by what the
 * caller brings, or by what the vendor sends a person's browser back with.
 */
import type { Connection } from '../../connections/connection.ts';
import { BrokerError } from '../../contract/errors.ts';
import type { ConsentStatusAnswer } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import type { Redacted } from '../../contract/redacted.ts';
import { readAuthorizationResponse } from '../../oauth/authorization.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { accessDenied } from '../authorize.ts';
import type { PendingConsent } from '../ports.ts';
import { isSamePrincipal } from '../principals.ts';
import type { FindConnection, Span } from '../request.ts';
import { handleIn, isSame, stateOf } from './browser.ts';
import { devicePoller } from './device.ts';
import {
  type ConsentPages,
  type ConsentView,
  consentPages,
  namesOf,
  outcomeOf,
  standingView,
} from './page.ts';
import { type PendingConsentParts, pendingConsents, statusOf, whatFailed } from './pending.ts';
import { requestPusher } from './push.ts';
import { consentStarter, type StartConsentParts } from './start.ts';
import { codeParameters, typedCodeRedeemer } from './typed-code.ts';

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

/** A browser that comes back from the vendor. */
export interface Return extends Span {
  /** The path that it came to, as the vendor was told it. */
  readonly path: string;
  readonly parameters: URLSearchParams;
  /** What its cookie holds. */
  readonly browser?: string;
}

export interface Consents {
  readonly start: ReturnType<typeof consentStarter>;
  /** Redeems an out-of-band code, or polls a device consent once. */
  proceed(request: ContinueConsent): Promise<ConsentStatusAnswer>;
  /** Finishes a consent with what the vendor sent the person's browser back with. */
  callback(request: Return): Promise<ConsentView>;
  readonly pages: ConsentPages;
}

export function consents(parts: ConsentParts): Consents {
  const table = parts.consents;
  const pendings = pendingConsents(parts);
  const poll = devicePoller({ clock: parts.clock, pendings });
  const redeemTyped = typedCodeRedeemer(pendings);
  const push = requestPusher(parts);
  const pages = consentPages({ consents: table, pendings, poll, redeemTyped, push, find: parts.find });

  return { start: consentStarter(parts), proceed, callback, pages };

  async function proceed(request: ContinueConsent): Promise<ConsentStatusAnswer> {
    const { connection, vendor, consent: handle, code, endsAt } = request;
    const pending = await table.read(handle);
    // A consent is finished by the principal that started it.
    if (pending && pending.connection !== connection.name) throw accessDenied();
    if (pending && !isSamePrincipal(pending.startedBy, request.principal)) throw accessDenied();
    if (!pending || pendings.isOver(pending)) return { status: 'expired' };
    if (pending.kind === 'device') return poll(handle, pending, request);
    if (pending.status !== 'pending') return statusOf(pending);
    const redeemed = code && (await redeemTyped(handle, pending, code, { connection, vendor, endsAt }));
    return { status: redeemed ? 'granted' : 'pending' };
  }

  async function callback({ path, parameters, browser, ...span }: Return): Promise<ConsentView> {
    const state = parameters.get('state') ?? '';
    const handle = handleIn(state);
    const pending = handle === undefined ? undefined : await table.read(handle);
    const found = pending && parts.find(pending.connection);
    if (!handle || !found || pending.kind === 'device') return { kind: 'unknown' };
    // Each server has an address of its own to send people back to: one answer is not taken for another's (RFC 9700 §4.4).
    if (pending.kind === 'code' && new URL(pending.redirectUri).pathname !== path) return { kind: 'unknown' };
    const names = namesOf(found, pending);
    const shown = standingView(found, pending, pendings.isOver(pending), browser);
    if (shown) return shown;
    if (pending.kind !== 'code') return { kind: 'unknown' };
    if (!browser || !isSame(state, stateOf(handle, browser))) return { ...names, kind: 'otherBrowser' };
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
      const redeeming = { ...found, parameters: codeGrant, afterFailure: () => 'failed' as const };
      const detail = await pendings.redeem(claim, redeeming);
      return { ...names, kind: 'connected', ...present({ detail }) };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return { ...names, kind: 'failed', ...present({ detail: whatFailed(error) }) };
    }
  }
}

function readQuietly(parameters: URLSearchParams, state: string, { endpoints }: PendingConsent) {
  try {
    return readAuthorizationResponse(parameters, { state, ...endpoints });
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}
