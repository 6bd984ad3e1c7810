/**
 * Which callers a rule's principal covers. Partition, account and the last segment of the name are compared:
 * the ARN of an assumed role carries no path, and its session name is the caller's own choice.
 */
import type { PrincipalRule } from '../connections/principal.ts';

/** An IAM identity as a caller's ARN gives it. */
export interface Principal {
  readonly partition: string;
  readonly account: string;
  /** A federated user's name is the caller's choice: only a rule for the whole account covers one. */
  readonly kind: 'role' | 'user' | 'federated-user' | 'root';
  /** Last segment of the role's or user's name; empty for root and federated users. */
  readonly name: string;
}

const CALLER =
  /^arn:(aws(?:-[a-z]+)*):(?:iam::(\d{12}):(?:root|user\/(?:[!-.0-~]+\/)*([\w+=,.@-]{1,64}))|sts::(\d{12}):(?:assumed-role\/([\w+=,.@-]{1,64})|federated-user)\/[!-.0-~]+)$/;

/** Parses the ARN of a caller; `undefined` when it is of no known kind, and the caller must be refused. */
export function parsePrincipal(arn: string): Principal | undefined {
  // IAM's own limits (path 512, names 64) make this more than any ARN has.
  const match = arn.length <= 1024 ? CALLER.exec(arn) : null;
  if (!match) return undefined;
  const [, partition = '', iamAccount, user, stsAccount = '', role] = match;
  if (user !== undefined) return { partition, account: iamAccount ?? '', kind: 'user', name: user };
  if (iamAccount !== undefined) return { partition, account: iamAccount, kind: 'root', name: '' };
  if (role !== undefined) return { partition, account: stsAccount, kind: 'role', name: role };
  return { partition, account: stsAccount, kind: 'federated-user', name: '' };
}

/** Does the rule cover the principal? */
export function covers(rule: PrincipalRule, principal: Principal): boolean {
  if (rule.partition !== principal.partition || rule.account !== principal.account) return false;
  if (rule.kind === 'root') return true;
  if (rule.kind !== principal.kind) return false;
  return rule.kind === 'role' ? fitsPattern(rule.name, principal.name) : rule.name === principal.name;
}

/**
 * Whether two callers are one principal. The sessions of a role are; a federated user has no name but the whole ARN.
 */
export function isSamePrincipal(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [parsePrincipal(one), parsePrincipal(other)];
  if (a?.kind !== 'role' || b?.kind !== 'role') return false;
  return a.partition === b.partition && a.account === b.account && a.name === b.name;
}

/**
 * `*` stands for any number of characters. Taking each literal part at its first possible place is enough,
 * and never goes back, so that no pattern is slow.
 */
export function fitsPattern(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === name;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = name.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= name.length - last.length;
}
