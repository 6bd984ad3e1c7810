import type { Connection } from '../connections/connection.ts';
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
  problems: (connection) =>
    connection.grant === 'authorization_code' && connection.clientAuth === 'private_key_jwt'
      ? [
          {
            path: pathOf('connections', connection.name, 'client_auth'),
            found: '"private_key_jwt"',
            allowed: '"client_secret_post": with Bugfender only service accounts have a key',
          },
        ]
      : [],
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

function host(connection: Connection): string {
  return hostOf(rebase(ORIGIN, connection));
}
