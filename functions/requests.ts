/**
 * From what a caller sent to what the broker works on, one function an operation. Each is called only once
 * the caller is known to be admitted to the connection.
 */

import type { Ask } from '../shared/broker/audit.ts';
import type { Target } from '../shared/broker/authorize.ts';
import type { ContinueConsent } from '../shared/broker/consent/callback.ts';
import type { StartConsent } from '../shared/broker/consent/start.ts';
import type { DescribeRequest } from '../shared/broker/grants/describe.ts';
import type { ListGrantsRequest } from '../shared/broker/grants/list-grants.ts';
import type { RevokeRequest } from '../shared/broker/grants/revoke.ts';
import {
  type Found,
  type Spender,
  subjectOf,
  type TokenRequest,
  tokenRequest,
} from '../shared/broker/request.ts';
import { parseBody } from '../shared/contract/body.ts';
import { BrokerError } from '../shared/contract/errors.ts';
import { GRANTS_A_PAGE, MOST_GRANTS_A_PAGE } from '../shared/contract/messages.ts';
import { present } from '../shared/contract/present.ts';
import {
  parseConsentCompletion,
  parseConsentRequest,
  parseSubject,
  parseTokenRequest,
} from '../shared/contract/schemas.ts';

export function toTokenRequest({ connection, vendor }: Found, ask: Ask): TokenRequest & Target {
  const body = parseTokenRequest(bodyOf(ask));
  const asks = (['params', 'min_ttl', 'rejected'] as const).filter((name) => body[name] !== undefined);
  return { ...tokenRequest(connection, vendor, body, ask.span, spenderOf(ask)), asks };
}

export function toUserinfoRequest({ connection, vendor }: Found, ask: Ask): TokenRequest {
  return tokenRequest(connection, vendor, queriedSubject(ask), ask.span, spenderOf(ask));
}

export function toDescription(found: Found, ask: Ask): DescribeRequest {
  return { ...found, ...ask.span, ...queriedSubject(ask) };
}

export function toGrantList(found: Found, ask: Ask): ListGrantsRequest {
  const { limit, cursor } = ask.query ?? {};
  return { ...found, ...ask.span, limit: parseLimit(limit), ...present({ cursor }) };
}

/** A consent covers the connection's scopes, so a caller that may not have them may not give it either. */
export function toConsentStart(found: Found, ask: Ask): StartConsent & Target {
  const { subject, replace = false, return_to: returnTo } = parseConsentRequest(bodyOf(ask));
  const principal = ask.caller.arn;
  const { scope: scopes } = found.connection;
  return {
    ...found,
    ...ask.span,
    scopes,
    subject: subjectOf(found.connection, subject),
    replace,
    principal,
    ...present({ returnTo }),
  };
}

/** The consent itself knows its subject; it is bound to the caller who started it. */
export function toConsentStep(found: Found, ask: Ask): ContinueConsent & Target {
  const consent = ask.path?.consent ?? '';
  const principal = ask.caller.arn;
  return { ...found, ...ask.span, ...parseConsentCompletion(bodyOf(ask)), consent, principal };
}

export function toRevocation(found: Found, ask: Ask): RevokeRequest {
  const subject = parseSubject(ask.path?.subject);
  return { ...found, ...ask.span, subject, force: parseForce(ask.query?.force) };
}

/** Lambda tells nothing of who invokes. */
function spenderOf({ caller }: Ask): Spender {
  return caller.via === 'https' ? { principal: caller.arn } : {};
}

function bodyOf({ body, connection }: Ask): unknown {
  if (!body) return {};
  if ('event' in body) return withoutConnection(body.event, connection);
  const { content, base64, contentType } = body;
  return parseBody(base64 ? Buffer.from(content, 'base64') : content, contentType);
}

/** An event may say which connection it is for, as long as it is the one that was invoked. */
function withoutConnection(event: unknown, invoked: string): unknown {
  if (typeof event !== 'object' || event === null || !('connection' in event)) return event ?? {};
  const { connection, ...body } = event;
  if (connection === invoked) return body;
  throw new BrokerError(
    'access_denied',
    'The event names another connection than the alias that was invoked.',
  );
}

function queriedSubject({ query }: Ask): { readonly subject?: string } {
  return query?.subject === undefined ? {} : { subject: parseSubject(query.subject) };
}

function parseLimit(limit: string | undefined): number {
  const value = limit === undefined ? GRANTS_A_PAGE : Number(limit);
  if (Number.isInteger(value) && value >= 1 && value <= MOST_GRANTS_A_PAGE) return value;
  throw new BrokerError(
    'invalid_request',
    `limit: must be a whole number from 1 to ${MOST_GRANTS_A_PAGE}; ${GRANTS_A_PAGE} where it is left out.`,
  );
}

function parseForce(force: string | undefined): boolean {
  if (force === undefined || force === 'false') return false;
  if (force === 'true') return true;
  throw new BrokerError('invalid_request', 'force: must be true or false.');
}
