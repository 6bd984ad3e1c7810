import { type Connection, DEVICE_CODE_GRANT } from '../../connections/connection.ts';
import { parseEndpoint } from '../../connections/urls.ts';
import { BrokerError } from '../../contract/errors.ts';
import type { ConsentAnswer } from '../../contract/messages.ts';
import { present } from '../../contract/present.ts';
import { Redacted } from '../../contract/redacted.ts';
import { authorizationUrl, createCodeVerifier } from '../../oauth/authorization.ts';
import { requestDeviceAuthorization } from '../../oauth/device.ts';
import type { Client, Endpoints } from '../../oauth/types.ts';
import type { Vendor } from '../../vendors/vendor.ts';
import { isLive, readToReplace } from '../grants/binding.ts';
import type { ConsentsTable, GrantsTable, StartedConsent } from '../ports.ts';
import { isGrant, type Span } from '../request.ts';
import type { Acquisition, VendorAccess, VendorAccessParts } from '../vendor/access.ts';
import type { SpendBudget } from '../vendor/budget.ts';
import { handleOf, randomSecret } from './browser.ts';

export interface StartConsentParts extends Pick<VendorAccessParts, 'clock' | 'timing'> {
  readonly consents: ConsentsTable;
  readonly grants: GrantsTable;
  readonly access: VendorAccess;
  readonly spend: SpendBudget;
  /** The deployment's own address for a consent, and the redirect URI of a connection. */
  readonly urls: { consent(secret: string): string; callback(connection: string): string };
}

export interface StartConsent extends Span {
  readonly connection: Connection;
  readonly vendor: Vendor;
  readonly subject: string;
  readonly replace: boolean;
  /** ARN of the caller, which the consent is bound to. */
  readonly principal: string;
  readonly returnTo?: string;
}

/** A device consent that lives longer than this is polled no longer, in milliseconds. */
const LONGEST_DEVICE_LIFE = 1_800_000;

/** Makes the address of a page that leads a person through the consent, at the vendor or with a code for a device. */
export function consentStarter(parts: StartConsentParts) {
  const { clock, timing, grants, access } = parts;
  const table = parts.consents;

  return start;

  async function start(request: StartConsent): Promise<ConsentAnswer> {
    const { connection, vendor, subject } = request;
    if (!isGrant(connection)) {
      throw new BrokerError(
        'invalid_request',
        `This connection acts for itself (${connection.grant}): it needs no consent.`,
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
    const returnTo = checkedReturn(request);
    const acquisition = access.acquire(request);
    const endpoints = await access.endpoints(connection, vendor, acquisition.budget);
    const secret = randomSecret();
    const started: StartedConsent = {
      connection: connection.name,
      subject,
      ...present({ generation: existing?.generation, endedGeneration: existing?.endedGeneration }),
      replace: request.replace,
      startedBy: request.principal,
      expiresAt: clock.now() + timing.consentLife,
      endpoints,
      scopes: connection.scope,
      ...present({ returnTo }),
    };
    const handle = handleOf(secret);
    const answer = await access.withClient(connection, (client) =>
      connection.grant === DEVICE_CODE_GRANT
        ? startDevice(request, started, handle, client, endpoints, acquisition)
        : startAuthorization(request, started, handle, client, endpoints),
    );
    return { consent: handle, consent_url: parts.urls.consent(secret), ...answer };
  }

  async function startAuthorization(
    { connection, vendor }: StartConsent,
    started: StartedConsent,
    handle: string,
    client: Client,
    endpoints: Endpoints,
  ): Promise<Begun> {
    const endpoint = needEndpoint(endpoints.authorizationEndpoint, 'authorization_endpoint');
    const redirectUri = connection.redirectUri ?? parts.urls.callback(connection.name);
    const codeVerifier = vendor.pkce ? createCodeVerifier() : undefined;
    await table.write(handle, undefined, {
      ...started,
      kind: 'code',
      status: 'pending',
      redirectUri,
      authorizationUrl: authorizationUrl({
        endpoint,
        clientId: client.clientId,
        redirectUri,
        scopes: connection.scope,
        ...present({ scopeSeparator: vendor.dialect.scopeSeparator }),
        codeVerifier,
        parameters: connection.authorizeParams,
      }),
      ...(endpoints.pushedAuthorizationRequestEndpoint !== undefined && { isPushed: true }),
      ...present({ codeVerifier }),
    });
    return { expires_in: timing.consentLife / 1000 };
  }

  async function startDevice(
    { connection, vendor }: StartConsent,
    started: StartedConsent,
    handle: string,
    client: Client,
    endpoints: Endpoints,
    { budget }: Acquisition,
  ): Promise<Begun> {
    needEndpoint(endpoints.deviceAuthorizationEndpoint, 'device_authorization_endpoint');
    const { clientAuth, scope: scopes } = connection;
    const { dialect } = vendor;
    await parts.spend(connection, { principal: started.startedBy });
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
      userCode: new Redacted(device.userCode),
      verificationUri: device.verificationUri,
      ...present({ verificationUriComplete: redacted(device.verificationUriComplete) }),
      interval,
      nextPollAt,
    });
    return {
      user_code: device.userCode,
      verification_uri: device.verificationUri,
      ...present({ verification_uri_complete: device.verificationUriComplete }),
      expires_in: Math.floor((expiresAt - now) / 1000),
      interval,
    };
  }
}

type Without<Answer> = Answer extends unknown ? Omit<Answer, 'consent' | 'consent_url'> : never;
type Begun = Without<ConsentAnswer>;

function redacted(text: string | undefined): Redacted | undefined {
  return text === undefined ? undefined : new Redacted(text);
}

/** A page that leads anywhere would lend the broker's name to whoever starts a consent (RFC 9700 §4.11). */
function checkedReturn({ connection, returnTo }: StartConsent): string | undefined {
  if (returnTo === undefined) return undefined;
  const url = parseEndpoint(returnTo, { allowLoopbackHttp: true });
  if (url && connection.returnHosts.includes(url.host)) return url.href;
  const allowed = connection.returnHosts.map((host) => `"${host}"`).join(', ');
  throw new BrokerError(
    'invalid_request',
    `return_to: must be an https URL on one of the connection's return_hosts: ${allowed || 'it lists none'}.`,
  );
}

function needEndpoint(endpoint: string | undefined, member: string): string {
  if (endpoint) return endpoint;
  throw new BrokerError(
    'invalid_request',
    `This connection's vendor has no ${member}: its grant type cannot be consented to here.`,
  );
}
