import type { Connection } from '../../../shared/connections/connection.ts';
import type { Listed } from '../connection-list.ts';
import { type Check, type Finding, ok, problem, skipped } from './check.ts';

/** The connections file against what runs. */
export const checkFile: Check = async ({ file, listed }) => {
  const check = 'connections file';
  if (!file) return [skipped(check, 'pass --connections FILE to compare it with what is deployed')];
  const differences = [...file.values()].flatMap((entry) => differencesOf(entry, listed));
  const unknown = listed
    .filter(({ connection }) => !file.has(connection))
    .map(({ connection }) => connection);
  if (unknown.length > 0) differences.push(`deployed, but not in the file: ${unknown.join(', ')}`);
  if (differences.length === 0) return [ok(check, 'is what is deployed')];
  return differences.map(
    (difference): Finding => problem(check, difference, 'Deploy the file, or pass the one that is deployed.'),
  );
};

function differencesOf(entry: Connection, listed: readonly Listed[]): string[] {
  const deployed = listed.find(({ connection }) => connection === entry.name);
  if (!deployed) return [`${entry.name} is not deployed, or you may not read it`];
  if (deployed.vendor === undefined) return [];
  const pairs = [
    ['vendor', entry.vendor, deployed.vendor],
    ['grant', entry.grant, deployed.grant_type],
    ['client_auth', entry.webIdentity ? entry.clientAuth : '', deployed.client_auth ?? ''],
    ['scope', entry.scope.join(' '), deployed.scope ?? ''],
    ['scopes', entry.scopes.join(' '), deployed.scopes?.join(' ')],
    ['api_hosts', entry.apiHosts.join(' '), deployed.api_hosts?.join(' ')],
  ] as const;
  return pairs
    .filter(([, here, there]) => here !== there)
    .map(([member, here, there]) => `${entry.name}.${member} is "${here}" in the file, "${there}" deployed`);
}
