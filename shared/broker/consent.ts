/**
 * From "may we?" to a stored grant: authorization code with PKCE (RFC 6749 §4.1, RFC 7636) and device
 * authorization (RFC 8628).
 *
 * The `state` that travels through the browser is 256 random bits; the caller gets only its hash (the consent's
 * handle), under which the pending consent is stored with its sealed verifier. A log of handles lets nobody
 * finish a consent. A code is exchanged once: whoever moves the entry to `finishing` does it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Connection, DEVICE_CODE_GRANT } from '../connections/connection.ts';
import type { ConsentAnswer, ConsentStatusAnswer } from '../contract.ts';
import { BrokerError, StoreUnavailable, VendorError } from '../errors.ts';
import {
  authorizationCodeParameters,
  authorizationUrl,
  createCodeVerifier,
  readAuthorizationResponse,
} from '../oauth/authorization.ts';
import { requestDeviceAuthorization } from '../oauth/device.ts';
import type { Client, Endpoints } from '../oauth/types.ts';
import type { Redacted } from '../redacted.ts';
import type { Vendor } from '../vendors/vendor.ts';
import { accessDenied } from './authorize.ts';
import { type GrantKeeper, isLive } from './keep-consent.ts';
import type { ConsentsTable, GrantsTable, PendingConsent, Stored } from './ports.ts';
import { type FindConnection, isGrant, type Span } from './request.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from './vendor-access.ts';

export interface ConsentParts extends Pick<VendorAccessParts, 'clock' | 'timing' | 'observe'> {
  readonly consents: ConsentsTable;
  readonly grants: GrantsTable;
  readonly access: VendorAccess;
  readonly keepGrant: GrantKeeper;
  readonly find: FindConnection;
  /** The deployment's own redirect URI. */
  readonly callbackUrl: string;
}

export interface StartConsent extends Span {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly subject: string;
  readonly replace: boolean;
  /** ARN of the caller, to whom the consent is bound. */
  readonly principal: string;
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
  start(request: StartConsent): Promise<ConsentAnswer>;
  /** Redeems an out-of-band code, or polls a device consent once. */
  proceed(request: ContinueConsent): Promise<ConsentStatusAnswer>;
  /** Finishes a consent with what the vendor sent the person's browser back with. */
  callback(parameters: URLSearchParams, span: Span): Promise<CallbackOutcome>;
}

/** What redeeming needs to know. */
interface Redeeming {
  readonly handle: string;
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly parameters: Readonly<Record<string, string>>;
  readonly endsAt: number;
}

/** RFC 8628 §3.5: what `slow_down` adds to the interval, in seconds. */
const SLOW_DOWN = 5;

/** What the end of a consent is called in the log. */
const CHANGES = {
  granted: 'consented',
  denied: 'consent_denied',
  expired: 'consent_failed',
  failed: 'consent_failed',
} as const;

/** A device consent that lives longer than this is polled no longer. */
const LONGEST_DEVICE_LIFE = 1_800_000;

export function consents(parts: ConsentParts): Consents {
  const { clock, timing, grants, access, observe } = parts;
  const table = parts.consents;

  return { start, proceed, callback };

  async function start(request: StartConsent): Promise<ConsentAnswer> {
    const { connection, vendor, subject } = request;
    if (!isGrant(connection)) {
      throw new BrokerError(
        'invalid_request',
        'This connection acts for itself (client_credentials): it needs no consent.',
      );
    }
    const existing = await grants.read({ connection: connection.name, subject });
    if (isLive(existing) && !request.replace) {
      throw new BrokerError(
        'invalid_request',
        `replace: subject "${subject}" has a live grant; send "replace": true to consent again. The old grant stays until the new one is stored.`,
      );
    }
    const acquisition = access.acquire(request);
    const endpoints = await access.endpoints(connection, vendor, acquisition.budget);
    const state = randomBytes(32).toString('base64url');
    const pending: PendingConsent = {
      connection: connection.name,
      subject,
      generation: existing?.generation,
      replace: request.replace,
      startedBy: request.principal,
      expiresAt: clock.now() + timing.consentLife,
      endpoints,
      scopes: connection.scope,
      status: 'pending',
    };
    return access.withClient(connection, (client) =>
      connection.grant === DEVICE_CODE_GRANT
        ? startDevice(request, pending, handleOf(state), client, endpoints, acquisition)
        : startAuthorization(request, pending, state, client, endpoints),
    );
  }

  async function startAuthorization(
    { connection, vendor }: StartConsent,
    pending: PendingConsent,
    state: string,
    client: Client,
    endpoints: Endpoints,
  ): Promise<ConsentAnswer> {
    const endpoint = needEndpoint(endpoints.authorizationEndpoint, 'authorization_endpoint');
    const redirectUri = connection.redirectUri ?? parts.callbackUrl;
    const codeVerifier = vendor.pkce ? createCodeVerifier() : undefined;
    await table.write(handleOf(state), undefined, {
      ...pending,
      redirectUri,
      ...(codeVerifier && { codeVerifier }),
    });
    return {
      consent: handleOf(state),
      authorization_url: await authorizationUrl({
        endpoint,
        clientId: client.clientId,
        redirectUri,
        scopes: connection.scope,
        state,
        codeVerifier,
        parameters: connection.authorizeParams,
      }),
      expires_in: timing.consentLife / 1000,
    };
  }

  async function startDevice(
    { connection, vendor }: StartConsent,
    pending: PendingConsent,
    handle: string,
    client: Client,
    endpoints: Endpoints,
    { budget }: Acquisition,
  ): Promise<ConsentAnswer> {
    needEndpoint(endpoints.deviceAuthorizationEndpoint, 'device_authorization_endpoint');
    const { clientAuth, scope: scopes } = connection;
    const { dialect } = vendor;
    const device = await access.timed(connection, 'device', () =>
      requestDeviceAuthorization({ endpoints, client, clientAuth, dialect, budget, scopes }),
    );
    const now = clock.now();
    const { deviceCode, interval } = device;
    const expiresAt = Math.min(device.expiresAt, now + LONGEST_DEVICE_LIFE);
    const nextPollAt = now + interval * 1000;
    await table.write(handle, undefined, { ...pending, expiresAt, deviceCode, interval, nextPollAt });
    return {
      consent: handle,
      user_code: device.userCode,
      verification_uri: device.verificationUri,
      ...(device.verificationUriComplete && { verification_uri_complete: device.verificationUriComplete }),
      expires_in: Math.floor((expiresAt - now) / 1000),
      interval,
    };
  }

  async function proceed(request: ContinueConsent): Promise<ConsentStatusAnswer> {
    const { connection, vendor, consent: handle, code, endsAt } = request;
    const pending = await table.read(handle);
    // Another's consent is as good as none: whoever started it finishes it (RFC 6819 §4.4.1.8 by other means).
    if (pending && pending.connection !== connection.name) throw accessDenied();
    if (pending && pending.startedBy !== request.principal) throw accessDenied();
    if (!pending) return { status: 'expired' };
    if (isOver(pending)) return { status: 'expired' };
    if (pending.status !== 'pending') return { status: statusOf(pending) };
    if (pending.deviceCode) return poll(handle, pending, pending.deviceCode, request);
    if (!code) return { status: 'pending' };
    const parameters = codeParameters(pending, code);
    await redeem(pending, { handle, connection, vendor, parameters, endsAt });
    return { status: 'granted' };
  }

  async function poll(
    handle: string,
    pending: Stored<PendingConsent>,
    deviceCode: Redacted,
    { connection, vendor, endsAt }: ContinueConsent,
  ): Promise<ConsentStatusAnswer> {
    const interval = pending.interval ?? SLOW_DOWN;
    const now = clock.now();
    if ((pending.nextPollAt ?? 0) > now) return { status: 'pending', interval };
    // Noted before asking, so that of several pollers one asks.
    const next = { ...pending, nextPollAt: now + interval * 1000 };
    const noted = await table.write(handle, pending, next);
    if (!noted) return { status: 'pending', interval };
    const parameters = { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode.reveal() };
    try {
      await redeem(noted, { handle, connection, vendor, parameters, endsAt });
      return { status: 'granted' };
    } catch (error) {
      return deviceStatus(handle, interval, error);
    }
  }

  /** RFC 8628 §3.5. */
  async function deviceStatus(
    handle: string,
    interval: number,
    error: unknown,
  ): Promise<ConsentStatusAnswer> {
    const vendorError = error instanceof VendorError ? error.vendorError : undefined;
    if (vendorError === 'authorization_pending') return { status: 'pending', interval };
    const current = await table.read(handle);
    if (!current) return { status: 'expired' };
    if (vendorError === 'slow_down') {
      const slower = interval + SLOW_DOWN;
      const nextPollAt = clock.now() + slower * 1000;
      await table.write(handle, current, { ...current, interval: slower, nextPollAt });
      return { status: 'pending', interval: slower };
    }
    const status = { access_denied: 'denied', expired_token: 'expired' } as const;
    const verdict = status[vendorError as keyof typeof status];
    if (!verdict) throw error;
    await close(handle, current, verdict);
    return { status: verdict };
  }

  async function callback(parameters: URLSearchParams, span: Span): Promise<CallbackOutcome> {
    const state = parameters.get('state') ?? '';
    const handle = handleOf(state);
    const pending = await table.read(handle);
    const found = pending && parts.find(pending.connection);
    if (!pending || !found || pending.deviceCode) return { kind: 'unknown' };
    const whose = { connection: pending.connection, subject: pending.subject };
    if (isOver(pending)) return { ...whose, kind: 'expired' };
    if (pending.status !== 'pending') return { ...whose, ...outcomeOf(pending) };
    const response = readQuietly(parameters, state, pending);
    // Malformed, or of another server: nothing is used up, and the person's true answer may still come.
    if (response instanceof BrokerError) return { ...whose, kind: 'failed', detail: response.message };
    if ('refused' in response) {
      const denied = response.error === 'access_denied';
      const named = response.error ?? 'one that it did not name';
      const detail = denied ? undefined : `The vendor answered with an error: ${named}.`;
      return { ...whose, ...outcomeOf(await close(handle, pending, denied ? 'denied' : 'failed', detail)) };
    }
    try {
      const codeGrant = codeParameters(pending, response.code);
      await redeem(pending, { handle, ...found, parameters: codeGrant, endsAt: span.endsAt });
      return { ...whose, kind: 'connected' };
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      if (error.code === 'busy') return { ...whose, kind: 'pending' };
      const current = await table.read(handle);
      if (current?.status === 'pending') await close(handle, current, 'failed', error.message);
      return { ...whose, kind: 'failed', detail: error.message };
    }
  }

  /** Whoever was finishing it when its time ran out has had a deadline's time more, and has died of something. */
  function isOver({ status, expiresAt }: PendingConsent): boolean {
    const patience = { pending: 0, finishing: timing.deadline }[status as 'pending' | 'finishing'];
    return patience !== undefined && expiresAt + patience <= clock.now();
  }

  /** Exchanges a code for the grant, once; what the vendor gives is stored before it is judged. */
  async function redeem(pending: Stored<PendingConsent>, what: Redeeming): Promise<void> {
    const { handle } = what;
    const acquisition = access.acquire(what);
    const claimed = await table.write(handle, pending, { ...pending, status: 'finishing' });
    if (!claimed)
      throw new BrokerError('busy', 'This consent is being finished by another request.', { retryAfter: 1 });
    try {
      await parts.keepGrant({ ...what, pending, acquisition });
    } catch (error) {
      // What may have been redeemed is not redeemed again: that could end the very grant that it gave.
      if (isRepeatable(error, pending)) await table.write(handle, claimed, pending);
      else await close(handle, claimed, 'failed', describe(error));
      throw error;
    }
    await close(handle, claimed, 'granted').catch((error: unknown) => {
      // The grant is stored; that the page cannot say so later is no reason to call it failed.
      if (!(error instanceof StoreUnavailable)) throw error;
    });
  }

  async function close(
    handle: string,
    seen: Stored<PendingConsent>,
    status: keyof typeof CHANGES,
    outcome?: string,
  ): Promise<PendingConsent> {
    const { codeVerifier: _, deviceCode: __, ...kept } = seen;
    const closed = { ...kept, status, ...(outcome !== undefined && { outcome }) };
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
function isRepeatable(error: unknown, { deviceCode }: PendingConsent): boolean {
  if (error instanceof VendorError) return !error.ambiguous || deviceCode !== undefined;
  return error instanceof BrokerError && error.code === 'secret_unavailable';
}

/** For the page; of a defect nothing is shown. */
function describe(error: unknown): string | undefined {
  return error instanceof BrokerError ? error.message : undefined;
}

/** The name under which a consent is stored and spoken of. */
function handleOf(state: string): string {
  return createHash('sha256').update(state).digest('base64url');
}

function readQuietly(parameters: URLSearchParams, state: string, { endpoints }: PendingConsent) {
  try {
    return readAuthorizationResponse(parameters, { state, ...endpoints });
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}

function codeParameters(
  { redirectUri, codeVerifier }: PendingConsent,
  code: Redacted,
): Record<string, string> {
  return authorizationCodeParameters({ code, redirectUri: redirectUri ?? '', codeVerifier });
}

function statusOf({ status }: PendingConsent): ConsentStatusAnswer['status'] {
  if (status === 'finishing') return 'pending';
  return status === 'failed' ? 'denied' : status;
}

function outcomeOf({
  status,
  outcome,
}: PendingConsent): Pick<Exclude<CallbackOutcome, { kind: 'unknown' }>, 'kind' | 'detail'> {
  const kind = ({ granted: 'connected', finishing: 'pending' } as const)[status as 'granted' | 'finishing'];
  const named = kind ?? (status as 'denied' | 'expired' | 'failed' | 'pending');
  return { kind: named, ...(outcome !== undefined && { detail: outcome }) };
}

function needEndpoint(endpoint: string | undefined, member: string): string {
  if (endpoint) return endpoint;
  throw new BrokerError(
    'invalid_request',
    `This connection's vendor has no ${member}: its grant type cannot be consented to here.`,
  );
}
