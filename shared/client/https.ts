import type { ConnectionAnswer } from '../contract/messages.ts';
import { pathOf } from '../contract/routes.ts';
import type { BrokerApi } from './broker-api.ts';
import { TokenBrokerError } from './errors.ts';
import { tokenOf } from './token.ts';
import type { Transport } from './transport.ts';

/** The HTTPS routes. */
export function httpsTransport(api: BrokerApi): Transport {
  return {
    async token(connection, body) {
      const { answer, sentAt } = await api(
        'POST',
        pathOf('POST /connections/{connection}/token', { connection }),
        body,
      );
      return tokenOf(answer, sentAt);
    },

    async describe(connection) {
      const { answer } = await api('GET', pathOf('GET /connections/{connection}', { connection }));
      if (isConnection(answer)) return answer;
      throw new TokenBrokerError('broker_unavailable', `The token broker did not describe ${connection}.`);
    },
  };
}

function isConnection(answer: unknown): answer is ConnectionAnswer {
  if (typeof answer !== 'object' || answer === null) return false;
  const { api_hosts, rejection_statuses } = answer as Record<string, unknown>;
  return Array.isArray(api_hosts) && Array.isArray(rejection_statuses);
}
