import { randomBytes, randomInt } from 'node:crypto';
import { BoundedMap } from './bounded-map.ts';
import type { RegisteredClient } from './clients.ts';
import { type Answer, json, type Refusal, refusal, type VendorRequest } from './http.ts';
import type { Issued } from './tokens.ts';
import { requireParameter, requireScopes, type VendorState } from './vendor-definition.ts';

const LIFETIME_S = 60;
/** RFC 8628 §3.2: what holds where the answer names no `interval`. */
const INTERVAL_S = 5;
/** No vowels, so that no code is a word; nothing that looks like something else. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

export interface DeviceCode {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Seconds that must pass between two polls. */
  interval: number;
  polledAt?: number;
  decision?: { readonly approved: boolean; readonly owner: string };
  used: boolean;
}

/** Device authorizations (RFC 8628) under way. */
export class DeviceCodes {
  readonly #byDeviceCode = new BoundedMap<string, DeviceCode>();
  readonly #byUserCode = new BoundedMap<string, DeviceCode>();
  readonly #vendor: VendorState;

  constructor(vendor: VendorState) {
    this.#vendor = vendor;
  }

  /** The device authorization endpoint's answer; it names no `interval`, as the real one. */
  begin(client: RegisteredClient, request: VendorRequest, verificationUri: string): Answer {
    const code: DeviceCode = {
      clientId: client.clientId,
      scopes: requireScopes(request.parameters.scope, client.scopes),
      expiresAt: this.#vendor.now() + LIFETIME_S * 1000,
      interval: INTERVAL_S,
      used: false,
    };
    const deviceCode = randomBytes(32).toString('base64url');
    const letters = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
    const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`;
    this.#byDeviceCode.set(deviceCode, code);
    this.#byUserCode.set(userCode, code);
    this.#vendor.counters.count('device_authorizations');
    return json(200, {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: verificationUri,
      verification_uri_complete: `${verificationUri}?user_code=${userCode}`,
      expires_in: LIFETIME_S,
    });
  }

  /** What a person may still decide on; letter case, spaces and the hyphen are forgiven. */
  pending(userCode: string): DeviceCode | undefined {
    const letters = userCode.toUpperCase().replace(/[^A-Z]/g, '');
    const code = this.#byUserCode.get(`${letters.slice(0, 4)}-${letters.slice(4)}`);
    return code && !code.decision && code.expiresAt > this.#vendor.now() ? code : undefined;
  }

  /** One poll. @throws Refusal with the codes of RFC 8628 §3.5 */
  poll(client: RegisteredClient, request: VendorRequest): Issued {
    this.#vendor.counters.count('polls');
    const code = this.#byDeviceCode.get(requireParameter(request, 'device_code'));
    if (!code || code.clientId !== client.clientId || code.used) {
      throw refusal(400, 'invalid_grant', 'The device code is unknown or has been used already.');
    }
    const now = this.#vendor.now();
    if (code.expiresAt <= now) throw refusal(400, 'expired_token', 'The device code has expired.');
    if (!code.decision) throw this.#pendingAnswer(code, now);
    if (!code.decision.approved) throw refusal(400, 'access_denied', 'The user denied.');
    code.used = true;
    return this.#vendor.tokens.open({
      clientId: code.clientId,
      owner: code.decision.owner,
      scopes: code.scopes,
    });
  }

  #pendingAnswer(code: DeviceCode, now: number): Refusal {
    const tooFast = code.polledAt !== undefined && now - code.polledAt < code.interval * 1000;
    code.polledAt = now;
    if (!tooFast) return refusal(400, 'authorization_pending', 'Nobody has decided yet.');
    // RFC 8628 §3.5: five seconds more for this and all further polls.
    code.interval += 5;
    return refusal(400, 'slow_down', `Poll at most every ${code.interval} seconds.`);
  }
}
