import type { Connection, ConnectionsIssue } from '../connections/connection.ts';
import { DEVICE_CODE_GRANT, GRANT_TYPES, SERVER_MEMBERS } from '../connections/connection.ts';
import { pathOf } from '../connections/issues.ts';
import { isObject } from '../contract/json.ts';
import { present } from '../contract/present.ts';
import type { Endpoints } from '../oauth/types.ts';
import { hostOf, rebase } from './endpoints.ts';
import type { DiscoveredServer, Vendor } from './vendor.ts';

/** OpenID Connect Core §5.1: the standard claims of a token's owner. */
const CLAIMS = [
  ...['sub', 'name', 'given_name', 'family_name', 'middle_name', 'nickname', 'preferred_username', 'profile'],
  ...['picture', 'website', 'email', 'email_verified', 'gender', 'birthdate', 'zoneinfo', 'locale'],
  ...['phone_number', 'phone_number_verified', 'address', 'updated_at'],
];

/**
 * Any other OAuth server, as the standards have it: endpoints by discovery (RFC 8414) or one by one, HTTP
 * Basic unless told otherwise (RFC 8414 §2's default), and a short life for tokens that name none.
 */
export const custom: Vendor = {
  name: 'custom',
  grants: GRANT_TYPES,
  clientAuth: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_basic_raw',
    'private_key_jwt',
    'client_secret_jwt',
    'aws_web_identity',
    'none',
  ],
  members: {
    issuer: 'optional',
    token_endpoint: 'optional',
    authorization_endpoint: 'optional',
    device_authorization_endpoint: 'optional',
    pushed_authorization_request_endpoint: 'optional',
    revocation_endpoint: 'optional',
    userinfo_endpoint: 'optional',
    endpoint_hosts: 'optional',
    ...Object.fromEntries(SERVER_MEMBERS.map((member) => [member, 'optional'] as const)),
  },
  params: {},
  problems: endpointProblems,
  server,
  tokenHost: (connection) => hostOf(rebase(connection.tokenEndpoint ?? connection.issuer ?? '', connection)),
  // Nobody but the team knows them.
  apiHosts: () => [],
  dialect: { encoding: 'form', defaultLifetime: 300 },
  pkce: true,
  refreshSendsRedirectUri: false,
  refreshKillsAccessToken: false,
  userinfoMembers: CLAIMS,
  graceWindow: 0,
  rejectionStatuses: [401],
  adapted,
};

/** What `shared/vendors` can say of a vendor, a connection can say of its server. */
function adapted({ server: settings }: Connection): Vendor {
  const {
    scopeSeparator = ' ',
    tokenMember,
    tokenType,
    tokenParams,
    assertionAudience,
    bodyEncoding,
  } = settings;
  const { graceWindow, refreshKillsAccessToken, rejectionStatuses, pkce } = settings;
  const { grantType, params: optionalParams, scopeOnRefresh, revokeAccessTokens } = settings;
  const { deadGrantErrors, refreshTokenLifetime, minimumRefreshAge } = settings;
  const dialect = present({
    encoding: bodyEncoding ?? 'form',
    defaultLifetime: settings.defaultLifetime ?? custom.dialect.defaultLifetime,
    tokenParams,
    assertionAudience,
    assertionClaims: settings.assertionClaims,
    headers: settings.tokenHeaders,
    scopeSeparator,
    adapt,
  });
  return {
    ...custom,
    ...present({ graceWindow, refreshKillsAccessToken, rejectionStatuses, pkce }),
    ...present({
      grantType,
      optionalParams,
      scopeOnRefresh,
      revokeAccessTokens,
      deadGrantErrors,
      refreshTokenLifetime,
      minimumRefreshAge,
    }),
    dialect,
  };

  /** Slack answers a user's token in `authed_user`, as of type `user`; GitHub and others put commas between scopes. */
  function adapt(answer: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const inner = tokenMember === undefined ? answer : answer[tokenMember];
    const members = isObject(inner) ? inner : answer;
    const { scope, token_type } = members;
    return {
      ...members,
      ...(typeof scope === 'string' && { scope: scope.replaceAll(scopeSeparator, ' ') }),
      // No type at all is taken for Bearer.
      ...(tokenType !== undefined && token_type === tokenType && { token_type: undefined }),
    };
  }
}

/** With a token endpoint nothing is looked up, other endpoints complete what is; an issuer beside it is compared with `iss` (RFC 9207). */
function server(connection: Connection): Endpoints | DiscoveredServer {
  const at = (url: string | undefined) => (url === undefined ? undefined : rebase(url, connection));
  const issuer = at(connection.issuer);
  const explicit = present({
    authorizationEndpoint: at(connection.authorizationEndpoint),
    deviceAuthorizationEndpoint: at(connection.deviceAuthorizationEndpoint),
    pushedAuthorizationRequestEndpoint: at(connection.pushedAuthorizationRequestEndpoint),
    revocationEndpoint: at(connection.revocationEndpoint),
    userinfoEndpoint: at(connection.userinfoEndpoint),
  });
  if (connection.tokenEndpoint === undefined) return { issuer: issuer ?? '', explicit };
  return { ...present({ issuer }), tokenEndpoint: rebase(connection.tokenEndpoint, connection), ...explicit };
}

function endpointProblems(connection: Connection): ConnectionsIssue[] {
  const issue = (member: string, found: string, allowed: string): ConnectionsIssue => ({
    path: pathOf('connections', connection.name, member),
    found,
    allowed,
  });
  if (connection.tokenEndpoint === undefined) {
    if (connection.issuer === undefined) {
      return [
        issue('issuer', 'missing', '"issuer", whose metadata names the endpoints, or "token_endpoint"'),
      ];
    }
    const hosts = [hostOf(rebase(connection.issuer, connection)), ...connection.endpointHosts];
    return explicitEndpoints(connection).flatMap(([member, url]) =>
      hosts.includes(hostOf(rebase(url, connection)))
        ? []
        : [
            issue(
              member,
              'on another host than the issuer',
              'the host of "issuer", or one of "endpoint_hosts"',
            ),
          ],
    );
  }
  const needed = NEEDED[connection.grant];
  return needed === undefined || explicitEndpoints(connection).some(([member]) => member === needed)
    ? []
    : [issue(needed, 'missing', `required with grant "${connection.grant}" beside "token_endpoint"`)];
}

/** The endpoint, beside the token endpoint, that a grant begins at. */
const NEEDED: Readonly<Partial<Record<Connection['grant'], string>>> = {
  authorization_code: 'authorization_endpoint',
  [DEVICE_CODE_GRANT]: 'device_authorization_endpoint',
};

/** Those beside the token endpoint, by member. */
function explicitEndpoints(connection: Connection): [string, string][] {
  const endpoints = {
    authorization_endpoint: connection.authorizationEndpoint,
    device_authorization_endpoint: connection.deviceAuthorizationEndpoint,
    pushed_authorization_request_endpoint: connection.pushedAuthorizationRequestEndpoint,
    revocation_endpoint: connection.revocationEndpoint,
    userinfo_endpoint: connection.userinfoEndpoint,
  };
  return Object.entries(endpoints).flatMap(([member, url]) => (url === undefined ? [] : [[member, url]]));
}
