import type { Action } from '../contract/messages.ts';
import { NAMES } from '../contract/names.ts';
import { present } from '../contract/present.ts';
import { canonicalScopes, scopeTokens } from '../contract/scope.ts';
import {
  type Connection,
  isAssertionGrant,
  isForItself,
  type VendorRules,
  type WebIdentity,
} from './connection.ts';
import { DEFAULT_KMS_ALGORITHM } from './kms.ts';
import type { ConnectionMembers } from './schema.ts';

/** What a rule of `callers` allows when it does not say. */
const DEFAULT_ACTIONS: readonly Action[] = ['token', 'read'];

/** The broker's view of a connection: camelCase, every default filled in but the vendor's API hosts. */
export function withDefaults(
  name: string,
  members: Partial<ConnectionMembers> & { vendor: string },
  vendor: VendorRules,
): Connection {
  const grant = members.grant ?? vendor.grants[0]!;
  const scope = members.scope === undefined ? [] : scopeTokens(members.scope);
  return {
    name,
    vendor: members.vendor,
    ...(members.base_url && { baseUrl: URL.parse(members.base_url)?.origin ?? members.base_url }),
    ...(members.tenant && { tenant: members.tenant }),
    ...(members.issuer && { issuer: members.issuer }),
    ...(members.token_endpoint && { tokenEndpoint: members.token_endpoint }),
    ...(members.authorization_endpoint && { authorizationEndpoint: members.authorization_endpoint }),
    ...(members.device_authorization_endpoint && {
      deviceAuthorizationEndpoint: members.device_authorization_endpoint,
    }),
    ...(members.pushed_authorization_request_endpoint && {
      pushedAuthorizationRequestEndpoint: members.pushed_authorization_request_endpoint,
    }),
    ...(members.revocation_endpoint && { revocationEndpoint: members.revocation_endpoint }),
    ...(members.userinfo_endpoint && { userinfoEndpoint: members.userinfo_endpoint }),
    endpointHosts: members.endpoint_hosts ?? [],
    server: present({
      defaultLifetime: members.default_lifetime,
      graceWindow: members.grace_window,
      refreshTokenLifetime: members.refresh_token_lifetime,
      minimumRefreshAge: members.minimum_refresh_age,
      refreshKillsAccessToken: members.refresh_kills_access_token,
      rejectionStatuses: members.rejection_statuses,
      tokenParams: members.token_params,
      tokenMember: members.token_member,
      tokenType: members.token_type,
      scopeSeparator: members.scope_separator,
      bodyEncoding: members.body_encoding,
      assertionAudience: members.assertion_audience,
      assertionClaims: members.assertion_claims,
      grantType: members.grant_type,
      params: members.params,
      tokenHeaders: members.token_headers,
      scopeOnRefresh: members.scope_on_refresh,
      deadGrantErrors: members.dead_grant_errors,
      revokeAccessTokens: members.revoke_access_tokens,
      pkce: members.pkce,
    }),
    grant,
    // The assertion says who the client is (RFC 7521 §4.1).
    clientAuth: members.client_auth ?? (isAssertionGrant(grant) ? 'none' : vendor.clientAuth[0]!),
    servesJwks: members.serve_jwks ?? false,
    ...(members.signing === 'kms' && { kmsAlgorithm: members.signing_alg ?? DEFAULT_KMS_ALGORITHM }),
    ...(members.client_auth === 'aws_web_identity' && { webIdentity: webIdentityOf(members) }),
    ...(members.renamed_from && { renamedFrom: members.renamed_from }),
    secret: members.secret ?? `${NAMES.defaultSecretPrefix}${members.renamed_from ?? name}`,
    scope,
    scopes: members.scopes === undefined ? scope : canonicalScopes(members.scopes),
    ...(members.callers && {
      callers: members.callers.map((rule) => present({ ...rule, actions: rule.actions ?? DEFAULT_ACTIONS })),
    }),
    ...(members.redirect_uri && { redirectUri: members.redirect_uri }),
    returnHosts: members.return_hosts ?? [],
    authorizeParams: members.authorize_params ?? {},
    refresh: members.refresh ?? 'keep_warm',
    rotateEvery: members.rotate_every ?? 86_400,
    apiHosts: members.api_hosts ?? [],
    directInvoke: members.direct_invoke ?? members.callers === undefined,
    minMintInterval: members.min_mint_interval ?? 30,
    vendorBudget: budgetOf(members.vendor_budget, isForItself(grant)),
    ...(members.owner && { owner: members.owner }),
    ...(members.tags && { tags: members.tags }),
  };
}

function webIdentityOf(members: Partial<ConnectionMembers>): WebIdentity {
  const { client_id: clientId = '', identity_audience, issuer, token_endpoint, signing_alg } = members;
  return {
    clientId,
    audience: identity_audience ?? issuer ?? token_endpoint ?? '',
    algorithm: signing_alg === 'ES384' ? 'ES384' : 'RS256',
  };
}

/**
 * What an honest program needs, several times over: one token an hour for each scope, or for each person. Twice as much
 * for a connection as for one of its principals, so that one leaves the others something.
 */
function budgetOf(given: ConnectionMembers['vendor_budget'], forItself: boolean): Connection['vendorBudget'] {
  const perPrincipal = given?.per_principal ?? Math.min(forItself ? 60 : 300, given?.per_minute ?? 600);
  return { perPrincipal, perMinute: given?.per_minute ?? perPrincipal * 2 };
}
