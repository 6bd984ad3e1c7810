import { isLoopback } from '../contract/loopback.ts';
import {
  type ConnectionsIssue,
  ENDPOINTS,
  isAssertionGrant,
  isForItself,
  OUT_OF_BAND,
  SERVER_MEMBERS,
  type VendorMember,
  WEB_IDENTITY_ALGORITHMS,
} from './connection.ts';
import { type Draft, list, type Report, type Rule } from './draft.ts';
import { pathOf, show } from './issues.ts';
import { RESERVED_AUTHORIZE_PARAMS, RESERVED_TOKEN_PARAMS } from './schema.ts';
import { SCOPE_RULES } from './scope-rules.ts';
import { secretProblem } from './secret.ts';
import { isIpLiteral, parseEndpoint, parseHost } from './urls.ts';

/** Checks what depends on the vendor, on another member, or on where the program runs. */
export function checkRules(draft: Draft): ConnectionsIssue[] {
  const issues: ConnectionsIssue[] = [];
  const report: Report = (keys, found, allowed) =>
    issues.push({ path: pathOf('connections', draft.connection.name, ...keys), found, allowed });
  for (const rule of RULES) rule(draft, report);
  return issues;
}

const vendorMembers: Rule = ({ vendor, members, misshapen }, report) => {
  for (const member of VENDOR_MEMBERS) {
    const need = vendor.members[member];
    if (need === 'required' && members[member] === undefined && !misshapen.has(member)) {
      report([member], 'missing', `required with vendor "${vendor.name}"`);
    }
    if (need === undefined && (members[member] !== undefined || misshapen.has(member))) {
      const own = Object.keys(vendor.members);
      const takes =
        own.length === 0 ? 'no members beside the common ones' : `of such members only ${list(own)}`;
      report([member], 'present', `nothing: vendor "${vendor.name}" takes ${takes}`);
    }
  }
};

const grantAndAuthentication: Rule = ({ vendor, connection, misshapen }, report) => {
  if (!misshapen.has('grant') && !vendor.grants.includes(connection.grant)) {
    report(['grant'], show(connection.grant), `with vendor "${vendor.name}": ${list(vendor.grants)}`);
  }
  if (!misshapen.has('client_auth') && !vendor.clientAuth.includes(connection.clientAuth)) {
    report(
      ['client_auth'],
      show(connection.clientAuth),
      `with vendor "${vendor.name}": ${list(vendor.clientAuth)}`,
    );
  }
};

const urls: Rule = ({ members, options }, report) => {
  const scheme = options.allowLoopbackHttp ? 'https (http on a loopback host)' : 'https';
  for (const member of ENDPOINTS) {
    const text = members[member];
    if (text !== undefined && !parseEndpoint(text, options)) {
      report([member], show(text), `an absolute ${scheme} URL without credentials and fragment`);
    }
  }
  const issuer = members.issuer === undefined ? undefined : parseEndpoint(members.issuer, options);
  if (issuer?.search) report(['issuer'], show(members.issuer), 'a URL without a query (RFC 8414 §2)');
  if (members.base_url === undefined) return;
  const base = parseEndpoint(members.base_url, options);
  if (base?.pathname !== '/' || base.search || members.base_url.includes('?')) {
    report(
      ['base_url'],
      show(members.base_url),
      `${scheme}://HOST[:PORT] and no more: paths stay the vendor's`,
    );
  }
};

const hosts: Rule = ({ members, options }, report) => {
  const allowed = 'a host in lower case, with its port unless that is 443, without scheme, path and wildcard';
  members.api_hosts?.forEach((text, index) => {
    if (!parseHost(text)) report(['api_hosts', index], show(text), allowed);
  });
  members.return_hosts?.forEach((text, index) => {
    if (!parseHost(text)) report(['return_hosts', index], show(text), allowed);
  });
  members.endpoint_hosts?.forEach((text, index) => {
    const host = parseHost(text);
    const address = host && isIpLiteral(host.hostname);
    if (!host || (address && !(options.allowLoopbackHttp && isLoopback(host.hostname)))) {
      report(['endpoint_hosts', index], show(text), `${allowed}, not an IP address`);
    }
  });
};

const secret: Rule = ({ members }, report) => {
  const problem = members.secret === undefined ? undefined : secretProblem(members.secret);
  if (problem) report(['secret'], problem.found, problem.allowed);
};

const consent: Rule = ({ members, connection, misshapen }, report) => {
  if (misshapen.has('grant')) return;
  if (connection.grant !== 'authorization_code') {
    for (const member of ['redirect_uri', 'authorize_params'] as const) {
      if (members[member] !== undefined) report([member], 'present', 'only with grant "authorization_code"');
    }
    if (members.return_hosts !== undefined && isForItself(connection.grant))
      report(['return_hosts'], 'present', 'only with grants that people consent to');
    return;
  }
  const uri = members.redirect_uri;
  // RFC 8252 §7.3 allows http on loopback whatever runs the broker: it is the person's browser that goes there.
  if (uri !== undefined && uri !== OUT_OF_BAND && !parseEndpoint(uri, { allowLoopbackHttp: true })) {
    const allowed = `an absolute https URL without credentials and fragment, http on a loopback host, or "${OUT_OF_BAND}"`;
    report(['redirect_uri'], show(uri), allowed);
  }
  for (const name of Object.keys(members.authorize_params ?? {})) {
    if (!(RESERVED_AUTHORIZE_PARAMS as readonly string[]).includes(name)) continue;
    const allowed = `any parameter but those that the broker sets: ${list(RESERVED_AUTHORIZE_PARAMS)}`;
    report(['authorize_params', name], 'present', allowed);
  }
};

/** A key is of use only to who signs, and its algorithm is ours to choose only in KMS. */
const signing: Rule = ({ members, connection, misshapen }, report) => {
  if (misshapen.has('grant') || misshapen.has('client_auth') || misshapen.has('signing')) return;
  const { grant, clientAuth } = connection;
  const vouched = clientAuth === 'aws_web_identity';
  const signs = clientAuth === 'private_key_jwt' || (isAssertionGrant(grant) && !vouched);
  for (const member of ['signing', 'serve_jwks'] as const)
    if (members[member] !== undefined && !signs)
      report([member], 'present', 'only with client_auth "private_key_jwt", or an assertion grant');
  if (vouched) {
    const algorithm = members.signing_alg;
    if (algorithm !== undefined && !(WEB_IDENTITY_ALGORITHMS as readonly string[]).includes(algorithm))
      report(['signing_alg'], show(algorithm), `with "aws_web_identity": ${list(WEB_IDENTITY_ALGORITHMS)}`);
  } else if (members.signing_alg !== undefined && members.signing !== 'kms')
    report(
      ['signing_alg'],
      'present',
      'only with "signing": "kms": a private key says itself what it is for',
    );
};

/** Nothing is stored where AWS vouches, so that the connection says what the secret would. */
const webIdentity: Rule = ({ members, connection, misshapen }, report) => {
  if (misshapen.has('client_auth')) return;
  const only = 'client_auth "aws_web_identity"';
  if (connection.clientAuth === 'aws_web_identity') {
    if (members.client_id === undefined && !misshapen.has('client_id'))
      report(['client_id'], 'missing', `required with ${only}: no secret says it`);
    if (connection.webIdentity?.audience === '' && !misshapen.has('identity_audience'))
      report(['identity_audience'], 'missing', 'required where neither "issuer" nor "token_endpoint" stands');
    if (members.secret !== undefined) report(['secret'], 'present', `nothing: with ${only} none is stored`);
    return;
  }
  if (members.client_id !== undefined)
    report(['client_id'], 'present', `only with ${only}: else it belongs in the secret that "secret" names`);
  if (members.identity_audience !== undefined) report(['identity_audience'], 'present', `only with ${only}`);
};

const serverSettings: Rule = ({ members, connection, misshapen }, report) => {
  for (const name of Object.keys(members.token_params ?? {})) {
    if (!(RESERVED_TOKEN_PARAMS as readonly string[]).includes(name)) continue;
    const allowed = `any parameter but those that the broker sets: ${list(RESERVED_TOKEN_PARAMS)}`;
    report(['token_params', name], 'present', allowed);
  }
  for (const name of Object.keys(members.token_headers ?? {})) {
    if (!RESERVED_HEADERS.includes(name.toLowerCase())) continue;
    report(['token_headers', name], 'present', `any header but ${list(RESERVED_HEADERS)}`);
  }
  for (const name of Object.keys(members.assertion_claims ?? {})) {
    if (!RESERVED_CLAIMS.includes(name)) continue;
    report(['assertion_claims', name], 'present', `any claim but ${list(RESERVED_CLAIMS)}`);
  }
  members.params?.forEach((name, index) => {
    if (!(RESERVED_TOKEN_PARAMS as readonly string[]).includes(name)) return;
    const allowed = `any parameter but those that the broker sets: ${list(RESERVED_TOKEN_PARAMS)}`;
    report(['params', index], show(name), allowed);
  });
  if (misshapen.has('grant')) return;
  const { grant, clientAuth } = connection;
  // What AWS signs has no other claims than AWS's.
  const grantIsOurs = isAssertionGrant(grant) && clientAuth !== 'aws_web_identity';
  const signs = clientAuth.endsWith('_jwt') || grantIsOurs;
  const only: [VendorMember, boolean, string][] = [
    [
      'assertion_audience',
      signs,
      'client_auth "private_key_jwt" or "client_secret_jwt", or an assertion grant',
    ],
    [
      'assertion_claims',
      grantIsOurs,
      'the grants "…:jwt-bearer" and "…:token-exchange", and a key of the client’s own',
    ],
    ['grant_type', grant === 'client_credentials', 'grant "client_credentials"'],
    ['params', isForItself(grant), 'grants without a consent'],
    ['refresh_token_lifetime', !isForItself(grant), 'grants that have refresh tokens'],
    ['minimum_refresh_age', !isForItself(grant), 'grants that have refresh tokens'],
    ['scope_on_refresh', !isForItself(grant), 'grants that have refresh tokens'],
    ['dead_grant_errors', !isForItself(grant), 'grants that have refresh tokens'],
    ['revoke_access_tokens', !isForItself(grant), 'grants that have refresh tokens'],
  ];
  for (const [member, fits, where] of only)
    if (members[member] !== undefined && !fits) report([member], 'present', `only with ${where}`);
};

const refresh: Rule = ({ members, connection, misshapen }, report) => {
  if (!misshapen.has('grant') && isForItself(connection.grant)) {
    for (const member of ['refresh', 'rotate_every'] as const) {
      if (members[member] === undefined) continue;
      report(
        [member],
        'present',
        `only with grants that have refresh tokens, not with "${connection.grant}"`,
      );
    }
  } else if (
    members.rotate_every !== undefined &&
    connection.refresh !== 'on_use' &&
    !misshapen.has('refresh')
  ) {
    report(['rotate_every'], 'present', 'only with "refresh": "on_use"');
  }
};

const RULES: readonly Rule[] = [
  vendorMembers,
  grantAndAuthentication,
  urls,
  hosts,
  secret,
  ...SCOPE_RULES,
  consent,
  signing,
  webIdentity,
  serverSettings,
  refresh,
];

/** What the request itself is made of. */
const RESERVED_HEADERS = [
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
];

/** What keeps an assertion short-lived and single (RFC 7523 §3), and what the caller asks for. */
const RESERVED_CLAIMS = ['exp', 'iat', 'nbf', 'jti', 'scope'];

const VENDOR_MEMBERS: readonly VendorMember[] = ['tenant', ...ENDPOINTS, 'endpoint_hosts', ...SERVER_MEMBERS];
