import { hostOf, rebase } from './endpoints.ts';
import type { Vendor } from './vendor.ts';

const TOKEN_ENDPOINT = 'https://app.bugsplat.com/oauth2/authorize';

/** Where the vendor's web API and its symbol uploader talk to. */
const API_HOSTS = ['app.bugsplat.com', 'api.bugsplat.com'];

const SCOPES = ['symbols', 'restricted'];

/**
 * BugSplat: client credentials in a multipart body, sent to an endpoint that issues tokens, despite its name.
 *
 * Sources: docs.bugsplat.com (development, web services, OAuth2) for endpoint, scopes and answer. The public clients
 * BugSplat-Git/bugsplat-js-api-client and BugSplat-Git/symbol-upload for the multipart body, for
 * `{"message"}` without `error`, and for `error` inside a 200.
 */
export const bugsplat: Vendor = {
  name: 'bugsplat',
  title: 'BugSplat',
  grants: ['client_credentials'],
  clientAuth: ['client_secret_post'],
  scopes: SCOPES,
  members: {},
  params: {},
  // Scopes are hierarchical, not composable: a client has one of them from the day it is created.
  scopeProblem: (scopes) =>
    scopes.length === 1 ? undefined : 'exactly one scope: "symbols" or "restricted"; they cannot be combined',
  server: (connection) => ({ tokenEndpoint: rebase(TOKEN_ENDPOINT, connection) }),
  tokenHost: (connection) => hostOf(rebase(TOKEN_ENDPOINT, connection)),
  apiHosts: (connection) => (connection.baseUrl === undefined ? API_HOSTS : [hostOf(connection.baseUrl)]),
  dialect: { encoding: 'multipart', defaultLifetime: 3600 },
  pkce: true,
  refreshSendsRedirectUri: false,
  refreshKillsAccessToken: false,
  userinfoMembers: [],
  graceWindow: 0,
  rejectionStatuses: [401],
};
