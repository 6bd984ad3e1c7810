/** Grants that are an assertion, which the client signs itself, or AWS for it: a service account has no other secret. */
import { randomUUID } from 'node:crypto';
import { JWT_BEARER_GRANT, type TOKEN_EXCHANGE_GRANT } from '../connections/connection.ts';
import { signAssertion } from './client-authentication.ts';
import { assertionsOf, type ClientCall } from './client-request.ts';

/**
 * Parameters of the token request: the assertion is an authorization grant (RFC 7523 §2.1), or the subject token of an
 * exchange (RFC 8693 §2.1). Scopes stand in the request, and as a claim for the servers that read it there (Google,
 * DocuSign).
 * @throws BrokerError `secret_unavailable` when the key is missing, or signs by nothing that the server takes, or AWS does not vouch
 */
export async function assertionParameters(
  call: ClientCall,
  grant: typeof JWT_BEARER_GRANT | typeof TOKEN_EXCHANGE_GRANT,
  scope: string,
): Promise<Record<string, string>> {
  const requested: Record<string, string> = scope === '' ? {} : { scope };
  const assertion = await sign(call, requested);
  return grant === JWT_BEARER_GRANT
    ? { grant_type: grant, assertion, ...requested }
    : {
        grant_type: grant,
        subject_token: assertion,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...requested,
      };
}

function sign(call: ClientCall, claims: Record<string, string>): Promise<string> {
  const { client, dialect, endpoints, budget } = call;
  if (client.identityToken) return client.identityToken(budget);
  const own = { jti: randomUUID(), iss: client.clientId, sub: client.clientId };
  const assertions = assertionsOf(call, endpoints.tokenEndpoint);
  return signAssertion(client, assertions, { ...own, ...claims, ...dialect.assertionClaims });
}
