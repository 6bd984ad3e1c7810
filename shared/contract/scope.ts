/** RFC 6749 §3.3: a scope token is printable ASCII without space, `"` and `\`. */
export const SCOPE_TOKEN = /^[!#-[\]-~]+$/;

/** RFC 6749 §3.3: scope tokens with exactly one space between two. */
export const SCOPE = /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/;

/** The tokens of a well-formed scope, deduplicated and sorted by code unit, so that equal sets compare equal. */
export function scopeTokens(scope: string): string[] {
  return canonicalScopes(scope.split(' '));
}

/** What a vendor's answer says that a token may do (RFC 6749 §5.1); `undefined` where it does not say: then, what was asked for. */
export function scopesGiven(scope: string | undefined): string[] | undefined {
  const tokens = scope?.split(/\s+/).filter(Boolean) ?? [];
  return tokens.length > 0 ? canonicalScopes(tokens) : undefined;
}

/** Deduplicated, sorted by code unit. */
export function canonicalScopes(scopes: readonly string[]): string[] {
  return [...new Set(scopes)].sort();
}
