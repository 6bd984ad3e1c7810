import type { ConnectionsIssue } from './connection.ts';

/**
 * The connections file is wrong. `issues` holds every mistake in it, `message` shows them on several lines.
 * Neither shows an object's contents or an unknown member's value: someone may have pasted a secret there.
 */
export class ConnectionsFileError extends Error {
  override readonly name = 'ConnectionsFileError';
  readonly issues: readonly ConnectionsIssue[];

  constructor(issues: readonly ConnectionsIssue[]) {
    const count = issues.length === 1 ? 'a mistake' : `${issues.length} mistakes`;
    super(`The connections file has ${count}:\n${issues.map(describe).join('\n')}`);
    this.issues = issues;
  }
}

const describe = ({ path, found, allowed }: ConnectionsIssue) =>
  `  ${path}\n    found:   ${found}\n    allowed: ${allowed}`;

/** `connections.crash-symbols.callers[0].principal`; names that would not be readable so are quoted. */
export function pathOf(...keys: readonly (string | number)[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`;
    if (!/^[$\w-]{1,64}$/.test(key)) return `${path}[${shorten(JSON.stringify(key))}]`;
    return path ? `${path}.${key}` : key;
  }, '');
}

/** A value as an issue shows it: short, on one line, and without the contents of objects. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return shorten(withoutCredentials(JSON.stringify(value) ?? typeof value));
}

const shorten = (text: string) => (text.length <= 100 ? text : `${text.slice(0, 99)}…`);

/** URLs can carry a password before the host. */
const withoutCredentials = (text: string) => text.replace(/\/\/[^/?#]*@/, '//[redacted]@');
