/**
 * A consent from its start to its end. It is stored under a handle, the hash of the `state` that travels through
 * the browser; a log of handles lets nobody finish a consent. A code is exchanged once: by the request that moved
 * the entry to `finishing`.
 */

import type { Connection } from '../../connections/connection.ts';
import { BrokerError, VendorError } from '../../contract/errors.ts';
import type { ConsentStatus } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import { sha256Base64url } from '../../contract/sha256.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { ignoringUnavailable } from '../ignoring-unavailable.ts';
import type {
  ClosedConsent,
  ConsentsTable,
  OpenConsent,
  PendingConsent,
  StartedConsent,
  Stored,
} from '../ports.ts';
import type { VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import type { StoreGrant } from './store-grant.ts';

export interface PendingConsentParts extends Pick<VendorAccessParts, 'clock' | 'timing' | 'observe'> {
  readonly consents: ConsentsTable;
  readonly access: VendorAccess;
  readonly storeGrant: StoreGrant;
}

/** What redeeming needs to know. */
export interface Redeeming {
  readonly handle: string;
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly parameters: Readonly<Record<string, string>>;
  readonly endsAt: number;
}

/** What the end of a consent is called in the log. */
const CHANGES = {
  granted: 'consented',
  denied: 'consent_denied',
  expired: 'consent_failed',
  failed: 'consent_failed',
} as const satisfies Record<ClosedConsent['status'], string>;

export interface PendingConsents {
  /** Exchanges a code for the grant, once; what the vendor gives is stored before it is judged. */
  redeem(pending: Stored<OpenConsent>, what: Redeeming): Promise<void>;
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

  return { redeem, close, isOver };

  /** A request that was finishing it when its time ran out has a deadline's time more; after that, it has died. */
  function isOver(consent: PendingConsent): boolean {
    if (consent.kind === 'closed') return false;
    const allowance = consent.status === 'finishing' ? timing.deadline : 0;
    return consent.expiresAt + allowance <= clock.now();
  }

  async function redeem(pending: Stored<OpenConsent>, what: Redeeming): Promise<void> {
    const { handle } = what;
    const acquisition = access.acquire(what);
    const claimed = await table.write(handle, pending, { ...pending, status: 'finishing' });
    if (!claimed)
      throw new BrokerError('busy', 'This consent is being finished by another request.', { retryAfter: 1 });
    try {
      await parts.storeGrant({ ...what, pending, acquisition });
    } catch (error) {
      // What may have been redeemed is not redeemed again: that could end the very grant that it gave.
      if (isRepeatable(error, pending)) await table.write(handle, claimed, pending);
      else await close(handle, claimed, 'failed', describe(error));
      throw error;
    }
    // The grant is stored; that the page cannot say so later is no reason to call it failed.
    await ignoringUnavailable(close(handle, claimed, 'granted'));
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
 * Whether the consent is as open as it was: a mistyped code, a device whose person has not decided yet, or nothing
 * sent at all. A poll whose answer was lost is repeated too (RFC 8628 §3.5); a code is not (RFC 6749 §4.1.2).
 */
function isRepeatable(error: unknown, { kind }: OpenConsent): boolean {
  if (error instanceof VendorError) return !error.ambiguous || kind === 'device';
  return error instanceof BrokerError && error.code === 'secret_unavailable';
}

/** What stays of a consent when its secrets go. */
function startedOf(consent: PendingConsent): StartedConsent {
  const { connection, subject, generation, replace, startedBy, expiresAt, endpoints, scopes } = consent;
  return present({ connection, subject, generation, replace, startedBy, expiresAt, endpoints, scopes });
}

/** For the page; of a defect nothing is shown. */
function describe(error: unknown): string | undefined {
  return error instanceof BrokerError ? error.message : undefined;
}

/** The name under which a consent is stored and spoken of. */
export function handleOf(state: string): string {
  return sha256Base64url(state);
}

/** As the caller that started the consent is told of it. */
export function statusOf({ status }: PendingConsent): ConsentStatus {
  if (status === 'finishing') return 'pending';
  return status === 'failed' ? 'denied' : status;
}
