import type { RegisteredClient } from './clients.ts';
import { type Refusal, refusal, type VendorRequest } from './http.ts';

/** The client that a body's `client_id` names. @throws Refusal `invalid_client` */
export function namedClient(
  clients: ReadonlyMap<string, RegisteredClient>,
  request: VendorRequest,
): RegisteredClient {
  const client = clients.get(request.parameters.client_id ?? '');
  if (!client) throw badClient('client_id is missing or unknown.');
  return client;
}

/** Checks `client_secret` in the body; a public client must send none. @throws Refusal `invalid_client` */
export function requireSecret(client: RegisteredClient, request: VendorRequest): void {
  if (request.parameters.client_secret === client.clientSecret) return;
  throw badClient(client.clientSecret ? 'client_secret is missing or wrong.' : 'This client has no secret.');
}

export function badClient(description: string): Refusal {
  return refusal(401, 'invalid_client', description);
}
