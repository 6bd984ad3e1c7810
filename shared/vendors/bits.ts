import type { Connection } from '../connections/connection.ts';
import { hostOf, rebase } from './endpoints.ts';
import type { Vendor } from './vendor.ts';

const ORIGIN = 'https://api.bits.bi';

/**
 * Bits: HTTP Basic over the bare id and secret, and answers that say `type` for `token_type`.
 *
 * Sources: docs.bits.bi, authentication and authorization, for all but these: that 403 also means a refused
 * token is from the vendor's public client; that the claims of `application.session` travel as body
 * parameters is our choice, because nothing says how they do.
 */
export const bits: Vendor = {
  name: 'bits',
  title: 'Bits',
  grants: ['client_credentials'],
  clientAuth: ['client_secret_basic_raw'],
  scopes: ['application', 'application.read', 'application.session'],
  members: {},
  params: { 'application.session': ['application_id', 'workflow_id', 'redirect_url'] },
  server: (connection) => ({
    tokenEndpoint: rebase(`${ORIGIN}/v1/oauth2/token`, connection),
    userinfoEndpoint: rebase(`${ORIGIN}/oauth2/userinfo`, connection),
  }),
  tokenHost: host,
  apiHosts: (connection) => [host(connection)],
  dialect: {
    encoding: 'form',
    defaultLifetime: 3600,
    adapt: ({ type, ...answer }) => ({ token_type: type, ...answer }),
  },
  pkce: true,
  refreshSendsRedirectUri: false,
  refreshKillsAccessToken: false,
  userinfoMembers: ['customerId'],
  graceWindow: 0,
  rejectionStatuses: [401, 403],
};

function host(connection: Connection): string {
  return hostOf(rebase(ORIGIN, connection));
}
