import type { Connection, ConnectionsIssue } from '../connections/connection.ts';
import { DEVICE_CODE_GRANT } from '../connections/connection.ts';
import { pathOf, show } from '../connections/issues.ts';
import { hostOf } from './endpoints.ts';
import type { Vendor } from './vendor.ts';

/** A DNS label that leaves room for `-api`, as it stands in host names. */
const TENANT = /^[a-z0-9]([a-z0-9-]{0,57}[a-z0-9])?$/;

/** A token for a team reaches nothing without one of these. */
const TEAM_SCOPE = /^team_./;

/**
 * Bipsync: a host for each customer, found by discovery; a refresh revokes the old tokens of both kinds.
 *
 * Sources: the vendor's OAuth introduction for grants, client kinds and metadata; docs.bipsync.com for hosts,
 * team scopes, PKCE, rotation and the device page on `{tenant}.bipsync.com`.
 */
export const bipsync: Vendor = {
  name: 'bipsync',
  title: 'Bipsync',
  grants: ['client_credentials', 'authorization_code', DEVICE_CODE_GRANT],
  clientAuth: ['client_secret_post', 'none'],
  members: { tenant: 'optional', endpoint_hosts: 'optional' },
  params: {},
  scopeProblem: (scopes, grant) =>
    grant === 'client_credentials' && !scopes.some((scope) => TEAM_SCOPE.test(scope))
      ? 'for client_credentials a scope "team_ID", without which the token reaches nothing'
      : undefined,
  problems: tenantProblems,
  server: (connection) => ({
    issuer: issuer(connection),
    // People consent on the customer's site, which is not the API's host.
    endpointHosts: connection.baseUrl === undefined ? [`${connection.tenant}.bipsync.com`] : [],
  }),
  tokenHost: (connection) => hostOf(issuer(connection)),
  apiHosts: (connection) => [hostOf(issuer(connection))],
  dialect: { encoding: 'form', defaultLifetime: 3600 },
  pkce: true,
  refreshSendsRedirectUri: false,
  refreshKillsAccessToken: true,
  userinfoMembers: [],
  graceWindow: 0,
  // 403 says that the caller's address is not allowed, which a new token would not change.
  rejectionStatuses: [401],
};

function issuer({ baseUrl, tenant }: Connection): string {
  return baseUrl ?? `https://${tenant}-api.bipsync.com`;
}

function tenantProblems({ name, tenant, baseUrl }: Connection): ConnectionsIssue[] {
  const path = pathOf('connections', name, 'tenant');
  if (tenant === undefined) {
    const allowed = 'the first part of the host in https://TENANT.bipsync.com, or "base_url"';
    return baseUrl === undefined ? [{ path, found: 'missing', allowed }] : [];
  }
  if (TENANT.test(tenant)) return [];
  return [{ path, found: show(tenant), allowed: 'a DNS label: 1–59 characters of a–z, 0–9 and - inside' }];
}
