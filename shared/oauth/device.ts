import * as oauth from 'oauth4webapi';
import { parseEndpoint } from '../connections/urls.ts';
import { present } from '../contract/present.ts';
import { Redacted } from '../contract/redacted.ts';
import { nonsense, successObject } from './answer.ts';
import { withAttempts } from './attempts.ts';
import { type ClientCall, sendAsClient } from './client-request.ts';
import type { Answer } from './exchange.ts';
import { readSeconds } from './seconds.ts';

/** Seconds between polls where the vendor names none (RFC 8628 §3.2), as Bipsync does. */
const DEFAULT_INTERVAL = 5;

/** What a person can be asked to type. */
const USER_CODE = /^[\x20-\x7E]{1,64}$/;

/** RFC 8628 §3.2. */
interface DeviceAuthorization {
  readonly deviceCode: Redacted;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Seconds. */
  readonly interval: number;
}

/**
 * Starts a device consent (RFC 8628 §3.1). Another attempt only makes another code, so that any failure is repeated.
 * @throws VendorError
 */
export function requestDeviceAuthorization(
  call: ClientCall & { readonly scopes: readonly string[] },
): Promise<DeviceAuthorization> {
  const parameters = new URLSearchParams();
  if (call.scopes.length > 0) parameters.set('scope', call.scopes.join(' '));
  return withAttempts(call.budget, 'idempotent', async () => {
    const answer = await sendAsClient(
      call,
      'deviceAuthorizationEndpoint',
      (server, client, authentication, options) =>
        oauth.deviceAuthorizationRequest(server, client, authentication, parameters, options),
    );
    return readDeviceAuthorization(answer);
  });
}

function readDeviceAuthorization(answer: Answer): DeviceAuthorization {
  const members = successObject(answer);
  const { device_code: deviceCode, user_code: userCode } = members;
  if (typeof deviceCode !== 'string' || deviceCode === '') throw nonsense(answer, 'without a device_code');
  if (typeof userCode !== 'string' || !USER_CODE.test(userCode)) {
    throw nonsense(answer, 'without a printable user_code');
  }
  const lifetime = readSeconds(members.expires_in);
  if (lifetime === undefined) throw nonsense(answer, 'without a positive expires_in');
  const complete = members.verification_uri_complete ?? undefined;
  return present({
    deviceCode: new Redacted(deviceCode),
    userCode,
    verificationUri: readPage(answer, 'verification_uri', members.verification_uri),
    verificationUriComplete:
      complete === undefined ? undefined : readPage(answer, 'verification_uri_complete', complete),
    expiresAt: answer.sentAt + Math.floor(lifetime * 1000),
    interval: readSeconds(members.interval) ?? DEFAULT_INTERVAL,
  });
}

/** A page that a person will be sent to. */
function readPage(answer: Answer, member: string, value: unknown): string {
  const url = typeof value === 'string' ? parseEndpoint(value, { allowLoopbackHttp: true }) : undefined;
  if (url === undefined) throw nonsense(answer, `with a ${member} that is not an https URL`);
  return url.href;
}
