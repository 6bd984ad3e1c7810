import {
  type Connection,
  type ConnectionsIssue,
  DEVICE_CODE_GRANT,
  type VendorRules,
} from '../../shared/connections/connection.ts';
import { ConnectionsFileError } from '../../shared/connections/issues.ts';
import { parseConnections } from '../../shared/connections/parse.ts';

const OPEN: VendorRules = {
  name: 'open',
  grants: ['client_credentials', 'authorization_code', DEVICE_CODE_GRANT],
  clientAuth: ['client_secret_post', 'client_secret_basic', 'private_key_jwt', 'none'],
  members: {
    issuer: 'optional',
    token_endpoint: 'optional',
    authorization_endpoint: 'optional',
    device_authorization_endpoint: 'optional',
    revocation_endpoint: 'optional',
    userinfo_endpoint: 'optional',
    endpoint_hosts: 'optional',
  },
  params: {},
  tokenHost: ({ issuer, baseUrl }) => new URL(baseUrl ?? issuer ?? 'https://open.example').host,
  apiHosts: ({ issuer }) => [new URL(issuer ?? 'https://open.example').host],
};

const NARROW: VendorRules = {
  name: 'narrow',
  grants: ['client_credentials'],
  clientAuth: ['client_secret_post'],
  scopes: ['symbols', 'restricted'],
  members: { tenant: 'required' },
  params: {},
  scopeProblem: (scopes) => (scopes.length === 1 ? undefined : 'exactly one of symbols, restricted'),
  problems: ({ name, owner }) =>
    owner === 'nobody' ? [{ path: `connections.${name}.owner`, found: '"nobody"', allowed: 'somebody' }] : [],
  tokenHost: ({ tenant }) => `${tenant}.narrow.example`,
  apiHosts: ({ tenant }) => [`${tenant}-api.narrow.example`],
};

/** Two made-up vendors: one that takes nearly everything, one that takes nearly nothing. */
export const VENDORS = { open: OPEN, narrow: NARROW };

export function parse(connections: unknown, allowLoopbackHttp = false): ReadonlyMap<string, Connection> {
  return parseConnections({ connections }, { vendors: VENDORS, allowLoopbackHttp });
}

/** The one connection of a file that must be right; `vendor` is `open` unless given. */
export function connection(members: object = {}, name = 'it'): Connection {
  return parse({ [name]: { vendor: 'open', ...members } }, true).get(name)!;
}

/** The mistakes of a file that must be wrong. */
export function issuesOf(attempt: () => unknown): readonly ConnectionsIssue[] {
  try {
    attempt();
  } catch (error) {
    if (error instanceof ConnectionsFileError) return error.issues;
    throw error;
  }
  throw new Error('the file was accepted');
}

export const mistakes = (connections: unknown) => issuesOf(() => parse(connections));
