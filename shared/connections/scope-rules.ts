import { didYouMean } from '../contract/suggest.ts';
import { list, type Rule } from './draft.ts';
import { show } from './issues.ts';

const scopesOfTheVendor: Rule = ({ vendor, members }, report) => {
  const { scopes } = vendor;
  if (scopes === undefined) return;
  const check = (scope: string, keys: readonly (string | number)[]) => {
    if (scopes.includes(scope)) return;
    const hint = didYouMean(scope, scopes);
    report(keys, show(scope), `scopes of vendor "${vendor.name}": ${list(scopes)}${hint}`);
  };
  for (const scope of members.scope?.split(' ') ?? []) check(scope, ['scope']);
  members.scopes?.forEach((scope, index) => {
    check(scope, ['scopes', index]);
  });
};

const defaultScope: Rule = ({ vendor, members, connection, misshapen }, report) => {
  const outside = connection.scope.filter((scope) => !connection.scopes.includes(scope));
  if (outside.length > 0) {
    report(['scope'], list(outside), `only what "scopes" has: ${list(connection.scopes)}`);
  }
  // With "scopes" alone there is no default to judge: each request names its scope.
  if ((members.scope === undefined && members.scopes !== undefined) || misshapen.has('grant')) return;
  const problem = vendor.scopeProblem?.(connection.scope, connection.grant);
  if (problem) report(['scope'], show(members.scope), problem);
};

/** A rule for a scope that cannot be asked for would never match: surely a slip. */
const scopesOfCallers: Rule = ({ members, connection }, report) => {
  members.callers?.forEach((rule, index) => {
    rule.scopes?.forEach((scope, position) => {
      if (connection.scopes.includes(scope)) return;
      const allowed = `scopes of this connection: ${list(connection.scopes) || 'it has none'}`;
      report(['callers', index, 'scopes', position], show(scope), allowed);
    });
  });
};

/** None of them can say anything while one of the two members is wrong in itself. */
export const SCOPE_RULES: readonly Rule[] = [scopesOfTheVendor, defaultScope, scopesOfCallers].map(
  (rule) => (draft, report) => {
    if (!draft.misshapen.has('scope') && !draft.misshapen.has('scopes')) rule(draft, report);
  },
);
