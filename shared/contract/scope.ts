/** RFC 6749 §3.3: a scope token is printable ASCII without space, `"` and `\`. */
export const SCOPE_TOKEN = /^[!#-[\]-~]+$/;

/** RFC 6749 §3.3: scope tokens with exactly one space between two. */
export const SCOPE = /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/;

/** The tokens of a well-formed scope, deduplicated and sorted by code unit, so that equal sets compare equal. */
export function scopeTokens(scope: string): string[] {
  return canonicalScopes(scope.split(' '));
}

/** Deduplicated, sorted by code unit. */
export function canonicalScopes(scopes: readonly string[]): string[] {
  return [...new Set(scopes)].sort();
}
