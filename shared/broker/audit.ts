/**
 * What every operation for a caller goes through: audit around authorization around the work itself.
 * `functions/compose.ts` puts them together, once, in plain sight.
 */

import type { Body } from '../contract/body.ts';
import { BrokerError, type ErrorCode, UnreadableValue } from '../contract/errors.ts';
import type { Action } from '../contract/messages.ts';
import { present } from '../contract/present.ts';
import type { Clock } from '../oauth/clock.ts';
import { type Authorizer, accessDenied, type Target } from './authorize.ts';
import type { Caller } from './caller.ts';
import type { AuditRecord, Observe } from './events.ts';
import type { FindConnection, Found, Span } from './request.ts';

/** What a caller asks for, as plain values that nobody has parsed or looked at yet. */
export interface Ask {
  readonly caller: Caller;
  /** As the caller wrote it. */
  readonly connection: string;
  readonly span: Span;
  /** Absent: none was sent. */
  readonly body?: Body | undefined;
  /** The path's parameters, percent-decoded. */
  readonly path?: Readonly<Record<string, string | undefined>> | undefined;
  readonly query?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Adds to the audit record what becomes known on the way. */
type Note = (facts: Partial<AuditRecord>) => void;

/** An operation as a caller meets it. */
export type Operation<Output> = (ask: Ask) => Promise<Output>;
type Noted<Output> = (ask: Ask, note: Note) => Promise<Output>;

/** What the caller's rules say of what turns out to be asked for, or answered, only later. */
export interface Rights {
  permits(target: Target): boolean;
  /** All that the caller may know of; absent: every one. */
  readonly subjects?: readonly string[];
}

/** The work itself, for a caller who may have it done. */
export type Permitted<Request, Output> = (request: Request, note: Note, rights: Rights) => Promise<Output>;

interface AuditParts {
  readonly clock: Clock;
  readonly observe: Observe;
}

/** One record per outcome: who asked for what, and what came of it; never a token. */
export function audited<Output>(
  parts: AuditParts,
  action: Action,
  operation: Noted<Output>,
): Operation<Output> {
  return async (ask) => {
    const { caller, connection } = ask;
    const record = recorder(parts, { action, principal: caller.arn, connection });
    try {
      const output = await operation(ask, record.note);
      record.success();
      return output;
    } catch (error) {
      record.failure(error);
      throw error;
    }
  };
}

/**
 * The public routes have no caller to audit: what becomes of a consent is told by `grant` events under the principal that
 * started it, and only a failure that no answer explains is recorded here.
 */
export function watched<Arguments extends readonly unknown[], Output>(
  parts: AuditParts,
  operation: (...parameters: Arguments) => Promise<Output>,
  action: AuditRecord['action'] = 'consent',
): (...parameters: Arguments) => Promise<Output> {
  return async (...parameters) => {
    const record = recorder(parts, { action, principal: 'anonymous', connection: 'unknown' });
    try {
      return await operation(...parameters);
    } catch (error) {
      record.failure(error);
      throw error;
    }
  };
}

/** What is refused before it is known which connection it is for, or what it asks, leaves a record too. */
export type RefuseUnread = (principal: string, error: BrokerError) => BrokerError;

export function unreadRefusals({ observe }: Pick<AuditParts, 'observe'>): RefuseUnread {
  return (principal, error) => {
    const { code: outcome, message: detail } = error;
    observe({
      type: 'audit',
      action: 'unknown',
      principal,
      connection: 'unknown',
      outcome,
      detail,
      duration: 0,
    });
    return error;
  };
}

/** Records what comes of one request, which begins now. */
function recorder(
  { clock, observe }: AuditParts,
  request: Pick<AuditRecord, 'action' | 'principal' | 'connection'>,
) {
  const begun = clock.now();
  let facts: Partial<AuditRecord> = {};
  const record = (outcome: AuditRecord['outcome'], details: Partial<AuditRecord> = {}): void =>
    observe({ type: 'audit', ...request, outcome, duration: clock.now() - begun, ...facts, ...details });
  const note: Note = (more) => {
    facts = { ...facts, ...more };
  };
  return {
    note,
    success: () => record('success'),
    failure(error: unknown): void {
      if (error instanceof UnreadableValue) {
        observe({ type: 'unreadable_value', connection: request.connection, detail: error.message });
      }
      const { code, ...details } = failureOf(error);
      record(code, details);
    },
  };
}

/** Lets nothing be read, parsed or looked up for a caller that the connection does not admit (invariant 7). */
export function authorized<Request extends Target, Output>(
  { authorizer, find }: { authorizer: Authorizer; find: FindConnection },
  action: Action,
  toRequest: (found: Found, ask: Ask) => Request,
  operation: Permitted<Request, Output>,
): Noted<Output> {
  return async (ask, note) => {
    const connection = authorizer.admit(ask.caller, ask.connection, action);
    const found = find(connection.name);
    if (!found) throw accessDenied();
    const request = toRequest(found, ask);
    const rights: Rights = {
      permits: (target) => authorizer.permits(ask.caller, connection, action, target),
      ...present({ subjects: authorizer.subjects(ask.caller, connection, action) }),
    };
    const { subject, scopes, asks = [] } = request;
    note({
      ...(subject !== undefined && { subject }),
      ...(scopes && { scope: scopes.join(' ') }),
      ...(asks.length > 0 && { asks }),
    });
    if (!rights.permits(request)) throw accessDenied();
    return operation(request, note, rights);
  };
}

/** Of a defect only its class: its message may hold anything. */
function failureOf(error: unknown): { code: ErrorCode; detail: string; vendorError?: string } {
  if (!(error instanceof BrokerError)) {
    return { code: 'internal', detail: error instanceof Error ? error.name : typeof error };
  }
  const { code, message: detail, vendorError } = error;
  return { code, detail, ...(vendorError !== undefined && { vendorError }) };
}
