import type { Connection, ConnectionsIssue } from '../connections/connection.ts';
import { pathOf } from '../connections/issues.ts';
import { hostOf, rebase } from './endpoints.ts';
import type { Vendor } from './vendor.ts';

const ORIGIN = 'https://dashboard.bugfender.com';

/**
 * Bugfender: service accounts by secret or by RS256 assertion, integrations by authorization code.
 *
 * Sources: bugfender.com's help page on API access for all of it; the vendor's public client
 * bugfender/bugfender-integration-elasticsearch for on-premises base URLs, `state` and the scope `all`.
 * That `redirect_uri` goes along with a refresh is what the page shows; that it must is not known.
 */
export const bugfender: Vendor = {
  name: 'bugfender',
  title: 'Bugfender',
  grants: ['client_credentials', 'authorization_code'],
  clientAuth: ['client_secret_post', 'private_key_jwt'],
  members: {},
  params: {},
  problems,
  server: (connection) => ({
    authorizationEndpoint: rebase(`${ORIGIN}/auth/authorize`, connection),
    tokenEndpoint: rebase(`${ORIGIN}/auth/token`, connection),
  }),
  tokenHost: host,
  apiHosts: (connection) => [host(connection)],
  dialect: { encoding: 'form', defaultLifetime: 3600, assertionAlgorithms: ['RS256'] },
  pkce: true,
  refreshSendsRedirectUri: true,
  refreshKillsAccessToken: false,
  userinfoMembers: [],
  graceWindow: 0,
  rejectionStatuses: [401],
};

function problems({ name, grant, clientAuth, kmsAlgorithm }: Connection): ConnectionsIssue[] {
  const issue = (member: string, found: string, allowed: string) => [
    { path: pathOf('connections', name, member), found: `"${found}"`, allowed },
  ];
  if (grant === 'authorization_code' && clientAuth === 'private_key_jwt')
    return issue(
      'client_auth',
      clientAuth,
      '"client_secret_post": with Bugfender only service accounts have a key',
    );
  if (kmsAlgorithm !== undefined && kmsAlgorithm !== 'RS256')
    return issue('signing_alg', kmsAlgorithm, '"RS256": Bugfender takes no other');
  return [];
}

function host(connection: Connection): string {
  return hostOf(rebase(ORIGIN, connection));
}
