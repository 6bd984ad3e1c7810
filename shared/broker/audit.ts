/**
 * What every operation for a caller goes through: audit around authorization around the work itself.
 * `functions/compose.ts` puts them together, once, in plain sight.
 */

import { BrokerError, type ErrorCode, UnreadableValue } from '../contract/errors.ts';
import type { Action } from '../contract/messages.ts';
import type { Clock } from '../oauth/clock.ts';
import { type Authorizer, accessDenied, type Target } from './authorize.ts';
import type { Caller } from './caller.ts';
import type { AuditRecord, Observe } from './events.ts';
import type { FindConnection, Found, Span } from './request.ts';

/** A caller's wish, before anybody has looked at it. */
export interface Ask<Input> {
  readonly caller: Caller;
  /** As the caller wrote it. */
  readonly connection: string;
  /** Parses what the caller sent; called only once the caller is known to be admitted. */
  readonly input: () => Input;
  readonly span: Span;
}

/** Adds to the audit record what becomes known on the way. */
export type Note = (facts: Partial<AuditRecord>) => void;

/** An operation as a caller meets it. */
export type Operation<Input, Output> = (ask: Ask<Input>) => Promise<Output>;
type Noted<Input, Output> = (ask: Ask<Input>, note: Note) => Promise<Output>;

/** One record per outcome: who asked for what, and what came of it; never a token. */
export function audited<Input, Output>(
  { clock, observe }: { clock: Clock; observe: Observe },
  action: Action,
  operation: Noted<Input, Output>,
): Operation<Input, Output> {
  return async (ask) => {
    const begun = clock.now();
    let facts: Partial<AuditRecord> = {};
    const record = (outcome: AuditRecord['outcome'], more: Partial<AuditRecord>): void => {
      const { arn: principal } = ask.caller;
      const duration = clock.now() - begun;
      const { connection } = ask;
      observe({ type: 'audit', action, principal, connection, outcome, duration, ...facts, ...more });
    };
    try {
      const output = await operation(ask, (more) => {
        facts = { ...facts, ...more };
      });
      record('success', {});
      return output;
    } catch (error) {
      if (error instanceof UnreadableValue) {
        observe({ type: 'unreadable_value', connection: ask.connection, detail: error.message });
      }
      const { code, ...details } = failureOf(error);
      record(code, details);
      throw error;
    }
  };
}

/**
 * The callback has no caller to audit: what becomes of a consent is told by `grant` events under the principal that
 * started it, and only a failure that no page explains is recorded here.
 */
export function watched<Arguments extends readonly unknown[], Output>(
  { clock, observe }: { clock: Clock; observe: Observe },
  operation: (...parameters: Arguments) => Promise<Output>,
): (...parameters: Arguments) => Promise<Output> {
  return async (...parameters) => {
    const begun = clock.now();
    try {
      return await operation(...parameters);
    } catch (error) {
      const whose = { action: 'consent', principal: 'anonymous', connection: 'unknown' } as const;
      if (error instanceof UnreadableValue) {
        observe({ type: 'unreadable_value', connection: whose.connection, detail: error.message });
      }
      const { code: outcome, ...details } = failureOf(error);
      observe({ type: 'audit', ...whose, outcome, duration: clock.now() - begun, ...details });
      throw error;
    }
  };
}

/** Lets nothing be read, parsed or looked up for a caller whom the connection does not admit (invariant 7). */
export function authorized<Input, Request extends Target, Output>(
  { authorizer, find }: { authorizer: Authorizer; find: FindConnection },
  action: Action,
  toRequest: (found: Found, ask: Ask<Input>) => Request,
  operation: (request: Request, note: Note) => Promise<Output>,
): Noted<Input, Output> {
  return async (ask, note) => {
    const connection = authorizer.admit(ask.caller, ask.connection, action);
    const found = find(connection.name);
    if (!found) throw accessDenied();
    const request = toRequest(found, ask);
    if (!authorizer.permits(ask.caller, connection, action, request)) throw accessDenied();
    const { subject, scopes } = request;
    note({ ...(subject !== undefined && { subject }), ...(scopes && { scope: scopes.join(' ') }) });
    return operation(request, note);
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
