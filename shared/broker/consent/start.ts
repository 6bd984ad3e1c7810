import { randomBytes } from 'node:crypto';
import { type Connection, DEVICE_CODE_GRANT } from '../../connections/connection.ts';
import { BrokerError } from '../../contract/errors.ts';
import type { ConsentAnswer } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import { authorizationUrl, createCodeVerifier } from '../../oauth/authorization.ts';
import { requestDeviceAuthorization } from '../../oauth/device.ts';
import type { Client, Endpoints } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { isLive, readToReplace } from '../grants/binding.ts';
import type { ConsentsTable, GrantsTable, StartedConsent } from '../ports.ts';
import { isGrant, type Span } from '../request.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import { handleOf } from './pending.ts';

export interface StartConsentParts extends Pick<VendorAccessParts, 'clock' | 'timing'> {
  readonly consents: ConsentsTable;
  readonly grants: GrantsTable;
  readonly access: VendorAccess;
  /** The deployment's own redirect URI. */
  readonly callbackUrl: string;
}

export interface StartConsent extends Span {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly subject: string;
  readonly replace: boolean;
  /** ARN of the caller, which the consent is bound to. */
  readonly principal: string;
}

/** A device consent that lives longer than this is polled no longer, in milliseconds. */
const LONGEST_DEVICE_LIFE = 1_800_000;

/** Sends a person to the vendor: by a URL to open, or by a code to type on another device. */
export function consentStarter(parts: StartConsentParts) {
  const { clock, timing, grants, access } = parts;
  const table = parts.consents;

  return start;

  async function start(request: StartConsent): Promise<ConsentAnswer> {
    const { connection, vendor, subject } = request;
    if (!isGrant(connection)) {
      throw new BrokerError(
        'invalid_request',
        'This connection acts for itself (client_credentials): it needs no consent.',
      );
    }
    const key = { connection: connection.name, subject };
    const existing = await readToReplace(grants, key, request.replace);
    if (isLive(existing, request) && !request.replace) {
      throw new BrokerError(
        'invalid_request',
        `replace: subject "${subject}" has a live grant; send "replace": true to consent again. The old grant stays until the new one is stored.`,
      );
    }
    const acquisition = access.acquire(request);
    const endpoints = await access.endpoints(connection, vendor, acquisition.budget);
    const state = randomBytes(32).toString('base64url');
    const started: StartedConsent = {
      connection: connection.name,
      subject,
      ...present({ generation: existing?.generation, endedGeneration: existing?.endedGeneration }),
      replace: request.replace,
      startedBy: request.principal,
      expiresAt: clock.now() + timing.consentLife,
      endpoints,
      scopes: connection.scope,
    };
    return access.withClient(connection, (client) =>
      connection.grant === DEVICE_CODE_GRANT
        ? startDevice(request, started, handleOf(state), client, endpoints, acquisition)
        : startAuthorization(request, started, state, client, endpoints),
    );
  }

  async function startAuthorization(
    { connection, vendor }: StartConsent,
    started: StartedConsent,
    state: string,
    client: Client,
    endpoints: Endpoints,
  ): Promise<ConsentAnswer> {
    const endpoint = needEndpoint(endpoints.authorizationEndpoint, 'authorization_endpoint');
    const redirectUri = connection.redirectUri ?? parts.callbackUrl;
    const codeVerifier = vendor.pkce ? createCodeVerifier() : undefined;
    await table.write(handleOf(state), undefined, {
      ...started,
      kind: 'code',
      status: 'pending',
      redirectUri,
      ...present({ codeVerifier }),
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
    started: StartedConsent,
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
    await table.write(handle, undefined, {
      ...started,
      kind: 'device',
      status: 'pending',
      expiresAt,
      deviceCode,
      interval,
      nextPollAt,
    });
    return {
      consent: handle,
      user_code: device.userCode,
      verification_uri: device.verificationUri,
      ...present({ verification_uri_complete: device.verificationUriComplete }),
      expires_in: Math.floor((expiresAt - now) / 1000),
      interval,
    };
  }
}

function needEndpoint(endpoint: string | undefined, member: string): string {
  if (endpoint) return endpoint;
  throw new BrokerError(
    'invalid_request',
    `This connection's vendor has no ${member}: its grant type cannot be consented to here.`,
  );
}
