import type { Connection } from '../../shared/connections/connection.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { ClientCall } from '../../shared/oauth/client-request.ts';
import { parseClient } from '../../shared/oauth/client-secret.ts';
import { systemClock } from '../../shared/oauth/clock.ts';
import { discover } from '../../shared/oauth/discovery.ts';
import type { Budget } from '../../shared/oauth/exchange.ts';
import { requestToken } from '../../shared/oauth/token-endpoint.ts';
import type { TokenReply } from '../../shared/oauth/types.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import type { Vendor } from '../../shared/vendors/vendor.ts';

/** The one connection of a file, and its vendor. */
export function connectionOf(members: object): { connection: Connection; vendor: Vendor } {
  const file = { connections: { it: members } };
  const connection = parseConnections(file, { vendors: VENDORS, allowLoopbackHttp: true }).get('it')!;
  return { connection, vendor: VENDORS[connection.vendor]! };
}

export function budget(): Budget {
  return { clock: systemClock, deadline: Date.now() + 20_000, attemptTimeout: 8_000, attempts: 2 };
}

/** All that a request as this connection's client needs, found as the broker finds it. */
export async function clientCall(members: object, secret: object): Promise<ClientCall> {
  const { connection, vendor } = connectionOf(members);
  const server = vendor.server(connection);
  const endpoints =
    'tokenEndpoint' in server
      ? server
      : await discover(server.issuer, {
          endpointHosts: [...connection.endpointHosts, ...(server.endpointHosts ?? [])],
          allowLoopbackHttp: true,
          budget: budget(),
        });
  const value = new Redacted(JSON.stringify(secret));
  const client = await parseClient(value, connection.clientAuth, connection.secret);
  const { clientAuth } = connection;
  return { endpoints, client, clientAuth, dialect: vendor.dialect, budget: budget() };
}

/** Client credentials, unless `parameters` say otherwise. */
export async function mint(
  members: object,
  secret: object,
  parameters: Record<string, string> = {},
): Promise<TokenReply> {
  const { connection } = connectionOf(members);
  const scope: Record<string, string> = {};
  if (connection.scope.length > 0) scope.scope = connection.scope.join(' ');
  return requestToken({
    ...(await clientCall(members, secret)),
    parameters: { grant_type: 'client_credentials', ...scope, ...parameters },
    resend: 'idempotent',
  });
}
