/**
 * A consent from its start to its end. It is stored under a handle, the hash of the secret in its address; a log of
 * handles lets nobody finish a consent. Its code is exchanged by the request that moved the entry to `finishing`.
 */

import { BrokerError, VendorError, type VendorStep } from '../../contract/errors.ts';
import type { ConsentStatusAnswer } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import { ignoringUnavailable } from '../ignoring-unavailable.ts';
import type {
  ClosedConsent,
  ConsentsTable,
  OpenConsent,
  PendingConsent,
  StartedConsent,
  Stored,
} from '../ports.ts';
import type { Found, Span } from '../request.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import type { StoreGrant } from './store-grant.ts';

export interface PendingConsentParts extends Pick<VendorAccessParts, 'clock' | 'timing' | 'observe'> {
  readonly consents: ConsentsTable;
  readonly access: VendorAccess;
  readonly storeGrant: StoreGrant;
}

/** The right to exchange the code of a consent, which one request has at a time. */
export interface Claim<Consent extends OpenConsent = OpenConsent> {
  readonly handle: string;
  readonly claimed: Stored<Consent>;
  readonly acquisition: Acquisition;
}

/** What redeeming needs to know. */
export interface Redeeming extends Found {
  readonly parameters: Readonly<Record<string, string>>;
  /** What an exchange that failed leaves of the consent: open as it says, or closed. */
  readonly afterFailure: (error: unknown) => OpenConsent | ClosedConsent['status'];
}

/** What the end of a consent is called in the log. */
const CHANGES = {
  granted: 'consented',
  denied: 'consent_denied',
  expired: 'consent_failed',
  failed: 'consent_failed',
} as const satisfies Record<ClosedConsent['status'], string>;

export interface PendingConsents {
  /**
   * Moves a consent to `finishing`. `undefined`: another request was first.
   * @throws BrokerError `busy`, StoreUnavailable: nothing was exchanged
   */
  claim<Consent extends OpenConsent>(
    handle: string,
    pending: Stored<Consent>,
    span: Pick<Span, 'endsAt'>,
  ): Promise<Claim<Consent> | undefined>;
  /**
   * Exchanges a code for the grant, once; what the vendor gives is stored before it is judged.
   * @returns what whoever consented should know of it
   */
  redeem(claim: Claim, what: Redeeming): Promise<string | undefined>;
  /** Ends a consent, and tells of it. */
  close(
    handle: string,
    seen: Stored<PendingConsent>,
    status: ClosedConsent['status'],
    outcome?: string,
  ): Promise<ClosedConsent>;
  /** Whether its time has run out. */
  isOver(pending: PendingConsent): boolean;
}

export function pendingConsents(parts: PendingConsentParts): PendingConsents {
  const { clock, timing, access, observe } = parts;
  const table = parts.consents;

  return { claim, redeem, close, isOver };

  /** A request that was finishing it when its time ran out has a deadline's time more; after that, it has died. */
  function isOver(consent: PendingConsent): boolean {
    if (consent.kind === 'closed') return false;
    const allowance = consent.status === 'finishing' ? timing.deadline : 0;
    return consent.expiresAt + allowance <= clock.now();
  }

  async function claim<Consent extends OpenConsent>(
    handle: string,
    pending: Stored<Consent>,
    span: Pick<Span, 'endsAt'>,
  ): Promise<Claim<Consent> | undefined> {
    const acquisition = access.acquire(span);
    const claimed = await table.write(handle, pending, finishing(pending, acquisition, clock.now()));
    return claimed && { handle, claimed, acquisition };
  }

  async function redeem(
    { handle, claimed, acquisition }: Claim,
    what: Redeeming,
  ): Promise<string | undefined> {
    let note: string | undefined;
    try {
      note = await parts.storeGrant({ ...what, pending: claimed, acquisition });
    } catch (error) {
      const after = what.afterFailure(error);
      // That this cannot be noted is the lesser evil: what has failed is told, and the claim runs out.
      await ignoringUnavailable<unknown>(
        typeof after === 'string'
          ? close(handle, claimed, after, after === 'failed' ? whatFailed(error) : undefined)
          : table.write(handle, claimed, after),
      );
      throw error;
    }
    // The grant is stored; that the page cannot say so later is no reason to call it failed.
    await ignoringUnavailable(close(handle, claimed, 'granted', note));
    return note;
  }

  async function close(
    handle: string,
    seen: Stored<PendingConsent>,
    status: ClosedConsent['status'],
    outcome?: string,
  ): Promise<ClosedConsent> {
    const closed: ClosedConsent = { ...startedOf(seen), kind: 'closed', status, ...present({ outcome }) };
    const { connection, subject, startedBy: principal } = seen;
    observe({ type: 'grant', change: CHANGES[status], connection, subject, principal });
    await table.write(handle, seen, closed);
    return closed;
  }
}

/**
 * A code is exchanged once, whatever becomes of who does it (RFC 6749 §4.1.2). A device is polled again once the lease
 * of a poll that died has run out: the vendor itself knows whether the grant was given (RFC 8628 §3.5).
 */
function finishing<Consent extends OpenConsent>(
  pending: Consent,
  { lease }: Acquisition,
  now: number,
): Consent {
  if (pending.kind === 'code') return { ...pending, status: 'finishing' };
  const nextPollAt = Math.max(lease.until, now + pending.interval * 1000);
  return { ...pending, status: 'finishing', nextPollAt };
}

/** What stays of a consent when its secrets go. */
function startedOf(consent: PendingConsent): StartedConsent {
  const { connection, subject, generation, endedGeneration } = consent;
  const { replace, startedBy, expiresAt, endpoints, scopes, browser, returnTo } = consent;
  return present({
    ...{ connection, subject, generation, endedGeneration },
    ...{ replace, startedBy, expiresAt, endpoints, scopes, browser, returnTo },
  });
}

/** What the vendor was asked for while a consent was finished, as people are told. */
const STEPS: Partial<Record<VendorStep, string>> = {
  discovery: 'Looking for the endpoints of the vendor',
  code: 'Exchanging the code at the vendor',
};

/** For the person; of a defect nothing is shown. */
export function whatFailed(error: unknown): string | undefined {
  const step = error instanceof VendorError ? STEPS[error.step ?? 'code'] : undefined;
  if (!(error instanceof BrokerError)) return undefined;
  return step ? `${step}: ${error.message}` : error.message;
}

/** As the caller that started the consent is told of it. */
export function statusOf(consent: PendingConsent): ConsentStatusAnswer {
  if (consent.kind !== 'closed') return { status: 'pending' };
  const { status, outcome } = consent;
  if (status === 'granted') return { status };
  return { status: status === 'failed' ? 'denied' : status, ...present({ error_description: outcome }) };
}
