import type { CallerRule, Connection } from '../connections/connection.ts';
import { type PrincipalRule, parsePrincipalRule } from '../connections/principal.ts';
import { BrokerError } from '../contract/errors.ts';
import type { Action } from '../contract/messages.ts';
import type { Caller } from './caller.ts';
import { covers, type Principal } from './principals.ts';

/** The subject and the scopes that a caller asks for; absent members ask for nothing in particular. */
export interface Target {
  readonly subject?: string;
  readonly scopes?: readonly string[];
  /** What else was asked for, by name, for the audit. */
  readonly asks?: readonly string[];
}

/** Decides from the connections and the caller alone: nothing is looked up before it has said yes (invariant 7). */
export interface Authorizer {
  /**
   * The connection of that name, if the caller may do this to any subject of it in any scope.
   * @throws BrokerError `access_denied`, the same for missing connections; `unknown_connection` to callers
   * that every connection admits, since they learn nothing from it
   */
  admit(caller: Caller, name: string, action: Action): Connection;
  /** Does one and the same rule cover principal, action, subject and all of the scopes? */
  permits(caller: Caller, connection: Connection, action: Action, target?: Target): boolean;
  /** The subjects that its rules limit the caller to; `undefined` when to none. */
  subjects(caller: Caller, connection: Connection, action: Action): readonly string[] | undefined;
  /** The connections that the caller may read, in the file's order. */
  list(caller: Caller): Connection[];
}

/** The one refusal: it must not tell an existing connection from a missing one. */
export function accessDenied(): BrokerError {
  return new BrokerError(
    'access_denied',
    'This caller may not do this: there is no such connection, or its "callers" do not allow the caller this ' +
      'action, subject or scope. Ask whoever runs the token broker.',
  );
}

/** A vendor that gives more than was asked for must not widen what a caller may do (invariant 7). */
export function tooBroad(given: readonly string[]): BrokerError {
  return new BrokerError(
    'access_denied',
    `The vendor's token says that it has scope "${given.join(' ')}", which is more than this caller may have. ` +
      'Let the client be registered with less at the vendor, or widen the caller\'s "scopes" in the connections file.',
  );
}

/** A rule whose principal has been parsed: `undefined` covers nobody. */
interface Rule extends CallerRule {
  readonly covered: PrincipalRule | undefined;
}

export function authorizer(connections: ReadonlyMap<string, Connection>): Authorizer {
  const rules = new Map(
    [...connections].map(([name, { callers }]) => [
      name,
      callers?.map((rule): Rule => ({ ...rule, covered: parsePrincipalRule(rule.principal) })),
    ]),
  );

  const permits: Authorizer['permits'] = (caller, connection, action, target = {}) => {
    if (caller.via === 'invoke') return action === 'token' && connection.directInvoke;
    const { principal } = caller;
    if (!principal) return false;
    if (!connection.callers) return true;
    return rules.get(connection.name)?.some((rule) => allows(rule, principal, action, target)) ?? false;
  };

  return {
    permits,
    subjects(caller, { name, callers }, action) {
      if (!callers || caller.via === 'invoke' || !caller.principal) return undefined;
      const { principal } = caller;
      const own = rules.get(name)?.filter((rule) => allows(rule, principal, action, {})) ?? [];
      if (own.some(({ subjects }) => subjects === undefined)) return undefined;
      return [...new Set(own.flatMap(({ subjects = [] }) => subjects))];
    },
    admit(caller, name, action) {
      const connection = connections.get(name);
      if (connection && permits(caller, connection, action)) return connection;
      if (connection && caller.via === 'invoke') throw directInvokeRefused(connection, action);
      const all = [...connections.values()];
      if (!connection && all.every((each) => permits(caller, each, action))) throw unknownConnection(name);
      throw accessDenied();
    },
    list: (caller) => [...connections.values()].filter((connection) => permits(caller, connection, 'read')),
  };
}

function allows(rule: Rule, principal: Principal, action: Action, { subject, scopes }: Target): boolean {
  if (!rule.actions.includes(action)) return false;
  if (subject !== undefined && rule.subjects && !rule.subjects.includes(subject)) return false;
  if (scopes && rule.scopes && !withinScopes(scopes, rule.scopes)) return false;
  return rule.covered !== undefined && covers(rule.covered, principal);
}

/** Asking for no scope is asking for whatever the vendor gives then (RFC 6749 §3.3): never within a limit. */
const withinScopes = (asked: readonly string[], allowed: readonly string[]) =>
  asked.length > 0 && asked.every((scope) => allowed.includes(scope));

/** May be specific: who holds the alias knows that the connection exists. */
function directInvokeRefused({ name }: Connection, action: Action): BrokerError {
  return new BrokerError(
    'access_denied',
    action === 'token'
      ? `Connection "${name}" takes no direct invoke, which cannot check "callers": ask over HTTPS, or set ` +
          '"direct_invoke": true for it in the connections file.'
      : `Direct invoke gives tokens only; ask over HTTPS to ${action}.`,
  );
}

function unknownConnection(name: string): BrokerError {
  return new BrokerError(
    'unknown_connection',
    `There is no connection ${JSON.stringify(name.slice(0, 64))}.`,
  );
}
