/**
 * An authorization server as a model: what it does with refresh tokens is what vendors differ in most. It forgets
 * nothing, so that the invariants can ask it what became of every token.
 */
import { custom } from '../../shared/vendors/custom.ts';
import type { Vendor } from '../../shared/vendors/vendor.ts';
import type { EndReason, History, VendorExchange } from './history.ts';
import type { Scheduler } from './scheduler.ts';

export const KINDS = [
  /** A spent refresh token, presented again, ends all that came of its consent (RFC 9700 §4.14.2). */
  'strict',
  /** A spent refresh token is refused, and that is all. */
  'lenient',
  /** A spent one works for a while, and gives the same answer again. */
  'grace, same answer',
  /** A spent one works for a while, and each answer ends the one before it. */
  'grace, latest wins',
  /** A refresh ends the access token before it. */
  'exclusive',
  /** One authorization for each user and client: to end any token of it ends all others (RFC 7009 §2.1). */
  'single',
  /** A refresh gives no new refresh token. */
  'constant',
] as const;
export type Kind = (typeof KINDS)[number];

/** How long a spent refresh token works where it does, in milliseconds. */
const GRACE = 300_000;

export const ISSUER = 'https://as.example';

/** What the broker knows of the vendor. */
export function described(kind: Kind): Vendor {
  // A connection's own settings of its server would stand in for these.
  const { adapted: _, ...plain } = custom;
  return {
    ...plain,
    name: kind,
    dialect: { encoding: 'form', defaultLifetime: 300 },
    graceWindow: kind.startsWith('grace') ? GRACE / 1000 : 0,
    refreshKillsAccessToken: kind === 'exclusive',
  };
}

/** All that came of one consent. */
export interface Family {
  readonly id: number;
  readonly subject: string;
  readonly consentedAt: number;
  readonly scope: string;
  ended?: { readonly at: number; readonly reason: EndReason };
}

export interface IssuedRefreshToken {
  readonly value: string;
  readonly family: Family;
  /** Place in the order of all tokens ever issued. */
  readonly order: number;
  /** Whose answers carried it. */
  readonly exchanges: VendorExchange[];
  readonly parent: string | undefined;
  spentAt?: number;
  successor?: string;
  /** A newer answer to the same refresh token has ended it. */
  outdated?: boolean;
}

export interface IssuedAccessToken {
  readonly value: string;
  /** Absent for the client's own. */
  readonly family: Family | undefined;
  readonly connection: string;
  readonly scope: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly exchange: VendorExchange;
  endedAt?: number;
}

interface Code {
  readonly subject: string;
  readonly scope: string;
  family?: Family;
}

export interface DeviceCode extends Code {
  readonly connection: string;
  decision?: 'approved' | 'denied';
  decidedAt?: number;
}

export interface VendorAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface VendorParts {
  readonly kind: Kind;
  /** Seconds that an access token lives. */
  readonly life: number;
  /** Whatever scope a refresh asks for, it says that it gave all. */
  readonly broad: boolean;
  readonly scheduler: Scheduler;
  readonly history: History;
}

export class SimulatedVendor {
  readonly families: Family[] = [];
  readonly refreshTokens = new Map<string, IssuedRefreshToken>();
  readonly accessTokens = new Map<string, IssuedAccessToken>();
  /** Client secrets that it takes. */
  readonly clientSecrets = new Set(['first-secret']);
  readonly parts: VendorParts;
  readonly #codes = new Map<string, Code>();
  readonly devices = new Map<string, DeviceCode>();
  #order = 0;

  constructor(parts: VendorParts) {
    this.parts = parts;
  }

  /** A person approves in the browser. @returns the code to come back with */
  authorize(subject: string, scope: string): string {
    const code = `code-${this.#next()}`;
    this.#codes.set(code, { subject, scope });
    return code;
  }

  /** A person decides about the device that showed this code. */
  decide(userCode: string, decision: 'approved' | 'denied'): void {
    const device = this.devices.get(userCode);
    if (!device) return;
    device.decision = decision;
    device.decidedAt = this.parts.scheduler.now;
  }

  /** The person ends it on the vendor's own page. */
  endByUser(subject: string): void {
    for (const family of this.families)
      if (family.subject === subject) this.#end(family, 'ended by the user');
  }

  /** The newest consent of a subject that has not been ended. */
  live(subject: string): Family[] {
    return this.families.filter((family) => family.subject === subject && !family.ended);
  }

  /** Whether a refresh with it would succeed now. */
  isUsable(value: string | undefined): boolean {
    const token = value === undefined ? undefined : this.refreshTokens.get(value);
    if (!token || token.family.ended || token.outdated) return false;
    return token.spentAt === undefined || this.#inGrace(token);
  }

  isAlive(accessToken: IssuedAccessToken, at: number): boolean {
    const { family, endedAt } = accessToken;
    if (endedAt !== undefined && endedAt <= at) return false;
    if (family?.ended && family.ended.at <= at) return false;
    return accessToken.expiresAt > at;
  }

  /** One request to the token, device authorization or revocation endpoint. */
  handle(
    path: string,
    parameters: URLSearchParams,
    exchange: VendorExchange,
    connection: string,
  ): VendorAnswer {
    if (!this.clientSecrets.has(parameters.get('client_secret') ?? ''))
      return { status: 401, body: { error: 'invalid_client' } };
    if (path === '/revoke') return this.#revoke(parameters.get('token') ?? '', exchange);
    if (path === '/device') return this.#startDevice(parameters.get('scope') ?? '', connection);
    switch (parameters.get('grant_type')) {
      case 'client_credentials':
        return this.#mint(parameters.get('scope') ?? '', exchange, connection);
      case 'authorization_code':
        return this.#redeem(this.#codes.get(parameters.get('code') ?? ''), exchange, connection);
      case 'refresh_token':
        return this.#refresh(parameters, exchange, connection);
      default:
        return this.#poll(parameters.get('device_code') ?? '', exchange, connection);
    }
  }

  #mint(scope: string, exchange: VendorExchange, connection: string): VendorAnswer {
    return granted(this.#accessToken(undefined, scope, exchange, connection));
  }

  #redeem(code: Code | undefined, exchange: VendorExchange, connection: string): VendorAnswer {
    if (!code) return invalidGrant();
    if (code.family) {
      this.#end(code.family, 'code reuse', exchange);
      return invalidGrant();
    }
    const { subject, scope } = code;
    const consentedAt = this.parts.scheduler.now;
    const family: Family = { id: this.families.length + 1, subject, consentedAt, scope };
    this.families.push(family);
    code.family = family;
    return granted(
      this.#accessToken(family, scope, exchange, connection),
      this.#refreshToken(family, exchange, undefined),
    );
  }

  #refresh(parameters: URLSearchParams, exchange: VendorExchange, connection: string): VendorAnswer {
    const { kind } = this.parts;
    const token = this.refreshTokens.get(parameters.get('refresh_token') ?? '');
    if (!token || token.family.ended || token.outdated) return invalidGrant();
    const { family } = token;
    const scope = parameters.get('scope') ?? family.scope;
    if (kind === 'constant') {
      token.spentAt ??= this.parts.scheduler.now;
      return granted(this.#accessToken(family, scope, exchange, connection));
    }
    if (token.spentAt !== undefined && !this.#inGrace(token)) {
      if (kind === 'strict' || kind === 'grace, same answer') this.#end(family, 'reuse', exchange);
      return invalidGrant();
    }
    const before = token.successor === undefined ? undefined : this.refreshTokens.get(token.successor);
    if (before && kind === 'grace, latest wins') before.outdated = true;
    if (kind === 'exclusive') this.#endAccessTokens(family);
    const accessToken = this.#accessToken(family, scope, exchange, connection);
    const said = this.parts.broad ? family.scope : scope;
    if (before && kind === 'grace, same answer') {
      exchange.refreshToken = before.value;
      before.exchanges.push(exchange);
      return granted(accessToken, before, said);
    }
    const next = this.#refreshToken(family, exchange, token.value);
    token.spentAt ??= this.parts.scheduler.now;
    token.successor = next.value;
    return granted(accessToken, next, said);
  }

  #inGrace({ spentAt }: IssuedRefreshToken): boolean {
    return this.parts.kind.startsWith('grace') && this.parts.scheduler.now - (spentAt ?? 0) <= GRACE;
  }

  #startDevice(scope: string, connection: string): VendorAnswer {
    const code = `device-${this.#next()}`;
    this.devices.set(code, { subject: connection, scope, connection });
    const verification_uri = `${ISSUER}/activate`;
    return {
      status: 200,
      body: { device_code: code, user_code: code, verification_uri, expires_in: 600, interval: 5 },
    };
  }

  #poll(deviceCode: string, exchange: VendorExchange, connection: string): VendorAnswer {
    const device = this.devices.get(deviceCode);
    if (!device) return invalidGrant();
    if (device.decision === 'denied') return { status: 400, body: { error: 'access_denied' } };
    if (!device.decision) return { status: 400, body: { error: 'authorization_pending' } };
    if (device.family) return invalidGrant();
    return this.#redeem(device, exchange, connection);
  }

  #revoke(value: string, exchange: VendorExchange): VendorAnswer {
    const token = this.refreshTokens.get(value);
    const accessToken = this.accessTokens.get(value);
    if (accessToken) accessToken.endedAt ??= this.parts.scheduler.now;
    if (token) {
      const ended = this.parts.kind === 'single' ? this.live(token.family.subject) : [token.family];
      for (const family of ended) this.#end(family, 'revoked by us', exchange);
    }
    return { status: 200, body: {} };
  }

  #end(family: Family, reason: EndReason, exchange?: VendorExchange): void {
    if (family.ended) return;
    const at = this.parts.scheduler.now;
    family.ended = { at, reason };
    const { id, subject } = family;
    this.parts.history.add({
      type: 'family',
      at,
      family: id,
      subject,
      reason,
      ...(exchange && { exchange }),
    });
  }

  #endAccessTokens(family: Family): void {
    for (const token of this.accessTokens.values())
      if (token.family === family) token.endedAt ??= this.parts.scheduler.now;
  }

  #accessToken(
    family: Family | undefined,
    scope: string,
    exchange: VendorExchange,
    connection: string,
  ): IssuedAccessToken {
    const issuedAt = this.parts.scheduler.now;
    const expiresAt = issuedAt + this.parts.life * 1000;
    const value = `at-${this.#next()}`;
    const token = { value, family, connection, scope, issuedAt, expiresAt, exchange };
    this.accessTokens.set(value, token);
    exchange.accessToken = value;
    return token;
  }

  #refreshToken(family: Family, exchange: VendorExchange, parent: string | undefined): IssuedRefreshToken {
    const order = this.#next();
    const token: IssuedRefreshToken = { value: `rt-${order}`, family, order, exchanges: [exchange], parent };
    this.refreshTokens.set(token.value, token);
    exchange.refreshToken = token.value;
    return token;
  }

  #next(): number {
    this.#order += 1;
    return this.#order;
  }
}

function granted(
  { value, expiresAt, issuedAt, scope }: IssuedAccessToken,
  refreshToken?: IssuedRefreshToken,
  said = scope,
): VendorAnswer {
  return {
    status: 200,
    body: {
      access_token: value,
      token_type: 'Bearer',
      expires_in: (expiresAt - issuedAt) / 1000,
      scope: said,
      ...(refreshToken && { refresh_token: refreshToken.value }),
    },
  };
}

function invalidGrant(): VendorAnswer {
  return { status: 400, body: { error: 'invalid_grant' } };
}
