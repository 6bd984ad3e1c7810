/** Who may use a connection, answered by the code that authorizes. */
import { authorizer } from '../../shared/broker/authorize.ts';
import { type Caller, httpsCaller } from '../../shared/broker/caller.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { PRINCIPAL_FORMS, parsePrincipalRule } from '../../shared/connections/principal.ts';
import { ACTIONS } from '../../shared/contract/messages.ts';
import type { AccessAnswer, AccessQuestion, AccessVerdict } from './messages.ts';

export type Connections = ReadonlyMap<string, Connection>;

/** The question is none; the message says what it must be. */
export class BadQuestion extends Error {}

export function accessOf({ callers, directInvoke }: Connection): AccessAnswer {
  return { ...(callers && { callers }), direct_invoke: directInvoke };
}

/** @throws BadQuestion */
export function judge(
  connections: Connections,
  connection: Connection,
  asked: AccessQuestion,
): AccessVerdict {
  const { principal, action, subject, scope } = asked;
  if ([principal, subject ?? '', scope ?? ''].some((each) => typeof each !== 'string'))
    throw new BadQuestion('Principal, subject and scope are text.');
  if (!ACTIONS.includes(action)) throw new BadQuestion(`The action must be one of ${ACTIONS.join(', ')}.`);
  const scopes = scope === undefined ? connection.scope : scope.split(' ');
  const target = {
    ...(subject !== undefined && { subject }),
    ...(action === 'token' && { scopes }),
  };
  const allowed = authorizer(connections).permits(callerOf(principal), connection, action, target);
  if (allowed && !connection.callers)
    return { allowed, why: 'The connection has no "callers": IAM alone decides.' };
  return {
    allowed,
    why: allowed
      ? 'A rule of "callers" covers it. IAM must let it call the route as well.'
      : 'No rule of "callers" covers principal, action, subject and scope together.',
  };
}

/** People name a role by itself; the broker sees its sessions. */
function callerOf(principal: string): Caller {
  const rule = parsePrincipalRule(principal);
  const session =
    rule?.kind === 'role' && `arn:${rule.partition}:sts::${rule.account}:assumed-role/${rule.name}/console`;
  const caller = httpsCaller(session || principal);
  if (caller.via === 'https' && caller.principal) return caller;
  throw new BadQuestion(`That names no principal. It must be ${PRINCIPAL_FORMS}; without * here.`);
}
