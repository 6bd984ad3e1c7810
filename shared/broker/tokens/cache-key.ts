import type { Connection } from '../../connections/connection.ts';
import { sha256Base64url } from '../../contract/sha256.ts';
import type { TokenRequest } from '../request.ts';

/**
 * The name under which a request's token is cached. Two requests share it only if nothing that could make
 * their tokens differ does: connection, its token-relevant settings, subject, scopes and params. JSON keeps the
 * parts apart whatever they contain (it escapes even the lone surrogates that UTF-8 would fold into one character).
 */
export function cacheKey(request: TokenRequest): string {
  const params = Object.entries(request.params).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    request.connection.name,
    digest(request.connection),
    request.subject,
    request.scopes,
    params,
  ];
  return sha256Base64url(JSON.stringify(parts));
}

/** The settings whose change must not leave old tokens in use. Who may call, or how often, is not among them. */
const digests = new WeakMap<Connection, string>();
function digest(connection: Connection): string {
  const known = digests.get(connection);
  if (known !== undefined) return known;
  const { vendor, grant, clientAuth, secret, baseUrl, tenant, issuer, tokenEndpoint, server } = connection;
  const { webIdentity } = connection;
  const made = sha256Base64url(
    JSON.stringify(
      [
        ...[vendor, grant, clientAuth, secret, baseUrl, tenant, issuer, tokenEndpoint, server],
        ...(webIdentity ? [webIdentity] : []),
      ].map((x) => x ?? null),
    ),
  );
  digests.set(connection, made);
  return made;
}
