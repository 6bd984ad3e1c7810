/**
 * From what a caller sent to what the broker works on, one function an operation. Each is called only once
 * the caller is known to be admitted to the connection.
 */

import type { Ask } from '../shared/broker/audit.ts';
import type { Target } from '../shared/broker/authorize.ts';
import type { ContinueConsent } from '../shared/broker/consent/callback.ts';
import type { StartConsent } from '../shared/broker/consent/start.ts';
import type { DescribeRequest } from '../shared/broker/grants/describe.ts';
import type { RevokeRequest } from '../shared/broker/grants/revoke.ts';
import { type Found, subjectOf, type TokenRequest, tokenRequest } from '../shared/broker/request.ts';
import { BrokerError } from '../shared/contract/errors.ts';
import {
  parseConsentCompletion,
  parseConsentRequest,
  parseSubject,
  parseTokenRequest,
} from '../shared/contract/schemas.ts';

/** A body, parsed as JSON but not looked at. */
export type BodyAsk = Ask<unknown>;
/** A subject from the query, if any. */
export type SubjectAsk = Ask<string | undefined>;

export function toTokenRequest({ connection, vendor }: Found, ask: BodyAsk): TokenRequest {
  return tokenRequest(connection, vendor, parseTokenRequest(ask.input()), ask.span);
}

export function toUserinfoRequest({ connection, vendor }: Found, ask: SubjectAsk): TokenRequest {
  const subject = ask.input();
  const body = subject === undefined ? {} : { subject: parseSubject(subject) };
  return tokenRequest(connection, vendor, body, ask.span);
}

export function toDescription(found: Found, ask: SubjectAsk): DescribeRequest {
  const subject = ask.input();
  return { ...found, ...ask.span, ...(subject !== undefined && { subject: parseSubject(subject) }) };
}

/** A consent covers the connection's scopes, so whoever may not have them may not give it either. */
export function toConsentStart(found: Found, ask: BodyAsk): StartConsent & Target {
  const { subject, replace = false } = parseConsentRequest(ask.input());
  const principal = ask.caller.arn;
  const { scope: scopes } = found.connection;
  return { ...found, ...ask.span, scopes, subject: subjectOf(found.connection, subject), replace, principal };
}

/** Whose consent it is, the consent itself knows; it is bound to the caller who started it. */
export function toConsentStep(
  found: Found,
  ask: Ask<{ consent: string; body: unknown }>,
): ContinueConsent & Target {
  const { consent, body } = ask.input();
  return { ...found, ...ask.span, ...parseConsentCompletion(body), consent, principal: ask.caller.arn };
}

export function toRevocation(
  found: Found,
  ask: Ask<{ subject: unknown; force: string | undefined }>,
): RevokeRequest {
  const { subject, force } = ask.input();
  return { ...found, ...ask.span, subject: parseSubject(subject), force: parseForce(force) };
}

function parseForce(force: string | undefined): boolean {
  if (force === undefined || force === 'false') return false;
  if (force === 'true') return true;
  throw new BrokerError('invalid_request', 'force: must be true or false.');
}
