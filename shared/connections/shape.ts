import * as v from 'valibot';
import { isObject } from '../contract/json.ts';
import { didYouMean } from '../contract/suggest.ts';
import type { ConnectionsIssue } from './connection.ts';
import { pathOf, show } from './issues.ts';
import { type ConnectionMembers, callerRuleSchema, connectionSchema } from './schema.ts';

/** Checks each member by itself, and says which of them cannot be used. */
export function checkShape(name: string, entry: Record<string, unknown>, issues: ConnectionsIssue[]) {
  issues.push(...unknownMembers(entry, Object.keys(connectionSchema.entries), ['connections', name]));
  if (Array.isArray(entry.callers)) {
    entry.callers.forEach((rule: unknown, index) => {
      if (!isObject(rule)) return;
      const at = ['connections', name, 'callers', index];
      issues.push(...unknownMembers(rule, Object.keys(callerRuleSchema.entries), at));
    });
  }
  const result = v.safeParse(connectionSchema, entry, { abortPipeEarly: true });
  const members: Partial<ConnectionMembers> = { ...(result.output as ConnectionMembers) };
  const misshapen = new Set<string>();
  for (const issue of result.issues ?? []) {
    const keys = (issue.path ?? []).map(({ key }) => key as string | number);
    const member = String(keys[0]);
    misshapen.add(member);
    delete members[member as keyof ConnectionMembers];
    // valibot stops at the first unknown member, and the vendor is reported with the list of all vendors.
    if (issue.expected === 'never' || member === 'vendor') continue;
    const found = show(issue.path?.at(-1)?.value);
    issues.push({ path: pathOf('connections', name, ...keys), found, allowed: issue.message });
  }
  return { members, misshapen };
}

/** Reports each member that is not among the known ones; never its value, which may be a pasted secret. */
export function unknownMembers(
  value: object,
  known: readonly string[],
  at: (string | number)[],
): ConnectionsIssue[] {
  return Object.keys(value)
    .filter((member) => !known.includes(member))
    .map((member) => ({
      path: pathOf(...at, member),
      found: 'an unknown member',
      allowed: SECRET_MEMBERS.has(member)
        ? 'no secrets: they belong in Secrets Manager, and "secret" names them'
        : known.join(', ') + didYouMean(member, known),
    }));
}

const SECRET_MEMBERS = new Set(['client_secret', 'private_key', 'kms_key_id', 'key_id']);
