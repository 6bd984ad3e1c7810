/** A vendor that a deployment brings along. */
import type { Vendor } from '../../../shared/vendors/vendor.ts';

const acme: Vendor = {
  name: 'acme',
  grants: ['client_credentials'],
  clientAuth: ['client_secret_post'],
  scopes: ['parts'],
  members: {},
  params: {},
  server: ({ baseUrl = 'https://login.acme.example' }) => ({ tokenEndpoint: `${baseUrl}/token` }),
  tokenHost: ({ baseUrl = 'https://login.acme.example' }) => new URL(baseUrl).host,
  apiHosts: () => ['api.acme.example'],
  dialect: { encoding: 'form', defaultLifetime: 600 },
  pkce: true,
  refreshSendsRedirectUri: false,
  refreshKillsAccessToken: false,
  userinfoMembers: [],
  graceWindow: 0,
  rejectionStatuses: [401],
};
export default acme;
