/** Whom a rule of `callers` admits. */
export type PrincipalRule = { readonly partition: string; readonly account: string } & (
  | { readonly kind: 'root' }
  /** `name` is the last segment: an assumed role's ARN carries no path, so a rule's path cannot be compared. */
  | { readonly kind: 'role' | 'user'; readonly name: string }
);

/** What a rule's principal may look like, for people. */
export const PRINCIPAL_FORMS =
  'arn:PARTITION:iam::ACCOUNT:role/NAME (with * inside NAME), arn:PARTITION:iam::ACCOUNT:user/NAME, ' +
  'or arn:PARTITION:iam::ACCOUNT:root for the whole account';

const RULE =
  /^arn:(aws(?:-[a-z]+)*):iam::(\d{12}):(?:(root)|(role|user)\/((?:[!-)+-.0-~]+\/)*)([\w+=,.@*-]{1,64}))$/;

/** Parses a rule's principal; `undefined` when it has none of the forms. */
export function parsePrincipalRule(text: string): PrincipalRule | undefined {
  // IAM's own limits (path 512, name 64) make this more than any ARN has.
  const match = text.length <= 1024 ? RULE.exec(text) : null;
  if (!match) return undefined;
  const [, partition = '', account = '', root, kind, path = '', name = ''] = match;
  if (root) return { partition, account, kind: 'root' };
  if (kind === 'user') return name.includes('*') ? undefined : { partition, account, kind, name };
  // A name is one role's whatever its path is; a pattern would be that of roles under any path.
  return path && name.includes('*') ? undefined : { partition, account, kind: 'role', name };
}

/** What to write instead, for mistakes that people make. */
export function principalHint(text: string): string {
  const assumed = /^arn:([^:]+):sts::(\d{12}):assumed-role\/([^/]+)\//.exec(text);
  if (assumed) {
    const [, partition, account, role] = assumed;
    return `; name the role, not its session: arn:${partition}:iam::${account}:role/${role}`;
  }
  if (/^\d{12}$/.test(text)) return `; for a whole account: arn:aws:iam::${text}:root`;
  if (/:role\/.+\/[^/]*\*/.test(text))
    return "; a session's ARN carries no path, so a name with * stands alone: role/NAME";
  if (/:user\/.*\*/.test(text)) return '; * may stand only inside the name of a role';
  return '';
}
