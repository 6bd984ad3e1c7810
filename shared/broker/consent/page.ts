/**
 * The page that leads a person through a consent, by the secret in its address: it says who asks for what, and its
 * button binds the browser that goes on. The first browser to go on is the only one that may.
 */
import { type Connection, OUT_OF_BAND } from '../../connections/connection.ts';
import { BrokerError } from '../../contract/errors.ts';
import { present } from '../../contract/present.ts';
import type { Redacted } from '../../contract/redacted.ts';
import { sha256Base64url } from '../../contract/sha256.ts';
import { withState } from '../../oauth/authorization.ts';
import type { CodeConsent, ConsentsTable, DeviceConsent, PendingConsent, Stored } from '../ports.ts';
import type { FindConnection, Found, Span } from '../request.ts';
import { handleOf, isSameBrowser, randomSecret, stateOf } from './browser.ts';
import type { devicePoller } from './device.ts';
import { type PendingConsents, whatFailed } from './pending.ts';
import type { Push } from './push.ts';
import type { RedeemTyped } from './typed-code.ts';

/** What every page of a consent names. */
export interface ConsentNames {
  readonly connection: string;
  readonly subject: string;
  /** As people know it. */
  readonly vendor: string;
  readonly returnTo?: string;
}

/** `otherBrowser`: it is gone on with in another one. `unknown` names nothing, since nothing is known of who asks. */
export type ConsentView =
  | { readonly kind: 'unknown' }
  | (ConsentNames & {
      readonly kind: 'connected' | 'denied' | 'expired' | 'failed' | 'pending' | 'otherBrowser';
      readonly detail?: string;
    })
  | (ConsentNames &
      Asking & {
        readonly kind: 'ask';
        /** The vendor shows a code, which is to be typed here; `wrong` when one was not taken. */
        readonly typed: boolean;
        readonly wrong?: string;
      })
  | (ConsentNames & Asking & DeviceView);

interface Asking {
  /** ARN of the principal that started it. */
  readonly startedBy: string;
  readonly scopes: readonly string[];
  readonly replace: boolean;
}

interface DeviceView {
  readonly kind: 'device';
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete?: string;
  /** Seconds until it is worth looking again. */
  readonly interval: number;
}

/** A browser that opens the page. */
export interface Visit extends Span {
  /** The secret part of the address. */
  readonly secret: string;
  /** What its cookie holds. */
  readonly browser?: string;
}

export interface ConsentPageParts {
  readonly consents: ConsentsTable;
  readonly pendings: PendingConsents;
  readonly poll: ReturnType<typeof devicePoller>;
  readonly redeemTyped: RedeemTyped;
  readonly push: Push;
  readonly find: FindConnection;
}

export interface ConsentPages {
  /** What there is to see; a device is asked after at the vendor, no more often than it allows. */
  view(visit: Visit): Promise<ConsentView>;
  /**
   * Goes on in this browser: to the vendor, or with a code that the vendor showed.
   * @returns where to send the browser, and the value that its cookie is to hold; or what there is to see
   */
  goOn(
    visit: Visit & { readonly code?: Redacted },
  ): Promise<ConsentView | { readonly location: string; readonly browser: string }>;
}

export function consentPages({
  consents,
  pendings,
  poll,
  redeemTyped,
  push,
  find,
}: ConsentPageParts): ConsentPages {
  return { view, goOn };

  async function view(visit: Visit): Promise<ConsentView> {
    const seen = await look(visit);
    if (!seen) return { kind: 'unknown' };
    const { pending } = seen;
    const shown = standing(seen, visit.browser);
    if (shown) return shown;
    return pending.kind === 'device' ? pollAndShow(seen, pending, visit) : asking(seen);
  }

  async function goOn(visit: Parameters<ConsentPages['goOn']>[0]): ReturnType<ConsentPages['goOn']> {
    const seen = await look(visit);
    if (!seen) return { kind: 'unknown' };
    const shown = standing(seen, visit.browser);
    if (shown) return shown;
    const { pending } = seen;
    if (pending.kind !== 'code') return view(visit);
    if (visit.code) return type(seen, pending, visit.code, visit);
    const browser = visit.browser ?? randomSecret();
    const request = withState(pending.authorizationUrl, stateOf(seen.handle, browser));
    let location: string;
    try {
      location = await push(request, pending, { ...seen.found, endsAt: visit.endsAt });
    } catch (error) {
      return failed(seen, error);
    }
    const bound = { ...pending, browser: sha256Base64url(browser) };
    // Somebody else was first: this browser, whose button was pressed twice, or another one.
    if (!pending.browser && !(await consents.write(seen.handle, pending, bound))) return goOn(visit);
    return { location, browser };
  }

  interface Seen {
    readonly handle: string;
    readonly found: Found;
    readonly pending: Stored<PendingConsent>;
  }

  async function look({ secret }: Visit): Promise<Seen | undefined> {
    const handle = handleOf(secret);
    const pending = await consents.read(handle);
    const found = pending && find(pending.connection);
    return found && { handle, found, pending };
  }

  /** What there is to see where nothing can be gone on with. */
  function standing({ found, pending }: Seen, browser: string | undefined): ConsentView | undefined {
    return standingView(found, pending, pendings.isOver(pending), browser);
  }

  async function pollAndShow(
    { handle, found }: Seen,
    pending: Stored<DeviceConsent>,
    { endsAt }: Visit,
  ): Promise<ConsentView> {
    const names = namesOf(found, pending);
    try {
      const { status, interval = pending.interval } = await poll(handle, pending, { ...found, endsAt });
      if (status === 'granted') return { ...names, kind: 'connected' };
      if (status !== 'pending') return { ...names, kind: status };
      const { userCode, verificationUri, verificationUriComplete: complete } = pending;
      const codes = { userCode: userCode.reveal(), verificationUriComplete: complete?.reveal() };
      const shown = present({ ...codes, verificationUri, interval });
      return { ...names, ...askingOf(pending), kind: 'device', ...shown };
    } catch (error) {
      return failed({ found, pending }, error);
    }
  }

  async function type(
    { handle, found }: Seen,
    pending: Stored<CodeConsent>,
    code: Redacted,
    { endsAt }: Visit,
  ): Promise<ConsentView> {
    const names = namesOf(found, pending);
    try {
      const done = await redeemTyped(handle, pending, code, { ...found, endsAt });
      return { ...names, kind: done ? 'connected' : 'pending' };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      const after = await consents.read(handle);
      const again = after?.status === 'pending' && after.kind === 'code';
      const detail = whatFailed(error);
      if (!again) return { ...names, kind: 'failed', ...present({ detail }) };
      return { ...names, ...askingOf(pending), kind: 'ask', typed: true, ...present({ wrong: detail }) };
    }
  }
}

/** Throws what is a defect of ours. */
function failed({ found, pending }: { found: Found; pending: PendingConsent }, error: unknown): ConsentView {
  if (!(error instanceof BrokerError)) throw error;
  return { ...namesOf(found, pending), kind: 'failed', ...present({ detail: whatFailed(error) }) };
}

/** @returns `undefined` while the person can go on, in this browser */
export function standingView(
  found: Found,
  pending: PendingConsent,
  isOver: boolean,
  browser: string | undefined,
): ConsentView | undefined {
  const names = namesOf(found, pending);
  if (pending.browser && !isSameBrowser(pending.browser, browser)) return { ...names, kind: 'otherBrowser' };
  if (isOver) return { ...names, kind: 'expired' };
  return pending.status === 'pending' ? undefined : { ...names, ...outcomeOf(pending) };
}

export function namesOf({ connection, vendor }: Found, pending: PendingConsent): ConsentNames {
  const { subject, returnTo, endpoints } = pending;
  const title = vendor.title ?? new URL(endpoints.tokenEndpoint).host;
  return { connection: connection.name, subject, vendor: title, ...present({ returnTo }) };
}

function asking({ found, pending }: { found: Found; pending: PendingConsent }): ConsentView {
  const typed = isTyped(found.connection);
  return { ...namesOf(found, pending), ...askingOf(pending), kind: 'ask', typed };
}

/** Whether the vendor shows the code on screen (out-of-band). */
function isTyped({ redirectUri }: Connection): boolean {
  return redirectUri === OUT_OF_BAND;
}

function askingOf({ startedBy, scopes, replace }: PendingConsent): Asking {
  return { startedBy, scopes, replace };
}

/** What the pages call each status. */
const SHOWN = {
  pending: 'pending',
  finishing: 'pending',
  granted: 'connected',
  denied: 'denied',
  expired: 'expired',
  failed: 'failed',
} as const satisfies Record<PendingConsent['status'], string>;

export function outcomeOf(consent: PendingConsent): {
  readonly kind: (typeof SHOWN)[PendingConsent['status']];
  readonly detail?: string;
} {
  const detail = consent.kind === 'closed' ? consent.outcome : undefined;
  return { kind: SHOWN[consent.status], ...present({ detail }) };
}
