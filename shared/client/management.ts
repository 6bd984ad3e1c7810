import type { ConnectionAnswer, ConsentAnswer, GrantListAnswer, RevokeAnswer } from '../contract/messages.ts';
import { pathOf } from '../contract/routes.ts';
import type { BrokerApi } from './broker-api.ts';
import { TokenBrokerError } from './errors.ts';

/**
 * What a program that manages connections asks, beside tokens; over HTTPS only.
 * @example
 * ```ts
 * import type { Management } from 'token-broker';
 * const subjectsOf = async (broker: Management) =>
 *   (await broker.grants('logs-portal')).grants.map(({ subject }) => subject);
 * ```
 */
export interface Management {
  /**
   * The connections that the caller may use, with their state.
   * @throws TokenBrokerError
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
   * const names = (await broker.connections()).map(({ connection }) => connection);
   * ```
   */
  connections(): Promise<ConnectionAnswer[]>;
  /**
   * A page of a connection's grants, by subject; `cursor` of the answer asks for the next.
   * @throws TokenBrokerError
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
   * const { grants, cursor } = await broker.grants('logs-portal', { limit: 100 });
   * ```
   */
  grants(
    connection: string,
    page?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<GrantListAnswer>;
  /**
   * Begins a consent: somebody opens `consent_url`.
   * @throws TokenBrokerError; `invalid_request` when there is a live grant and `replace` is not said
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
   * const { consent_url } = await broker.consent('logs-portal', { subject: 'ada', replace: true });
   * ```
   */
  consent(
    connection: string,
    options?: { readonly subject?: string; readonly replace?: boolean; readonly returnTo?: string },
  ): Promise<ConsentAnswer>;
  /**
   * Ends a grant: at the vendor where it can, then at the broker; with `force` although the vendor cannot be told.
   * @throws TokenBrokerError
   * @example
   * ```ts
   * import { createTokenClient } from 'token-broker';
   * const broker = createTokenClient({ endpoint: 'https://abcdefghij.execute-api.eu-west-1.amazonaws.com' });
   * const { status } = await broker.revoke('logs-portal', 'ada');
   * ```
   */
  revoke(connection: string, subject: string, options?: { readonly force?: boolean }): Promise<RevokeAnswer>;
}

/** @param api absent where the broker is invoked directly */
export function management(api: BrokerApi | undefined, checked: (connection: string) => string): Management {
  const ask = async <Answer>(...request: Parameters<BrokerApi>): Promise<Answer> => {
    if (!api) throw tokensOnly();
    return (await api(...request)).answer as Answer;
  };
  return {
    async connections() {
      return (await ask<{ connections: ConnectionAnswer[] }>('GET', pathOf('GET /connections', {})))
        .connections;
    },
    async grants(name, page = {}) {
      const path = pathOf('GET /connections/{connection}/grants', { connection: checked(name) });
      const query = new URLSearchParams(
        Object.entries(page).map(([key, value]): [string, string] => [key, String(value)]),
      );
      return ask('GET', query.size > 0 ? `${path}?${query}` : path);
    },
    async consent(name, { returnTo, ...options } = {}) {
      const path = pathOf('POST /connections/{connection}/consent', { connection: checked(name) });
      return ask('POST', path, { ...options, ...(returnTo !== undefined && { return_to: returnTo }) });
    },
    async revoke(name, subject, { force = false } = {}) {
      const path = pathOf('DELETE /connections/{connection}/grants/{subject}', {
        connection: checked(name),
        subject: encodeURIComponent(subject),
      });
      return ask('DELETE', force ? `${path}?force=true` : path);
    },
  };
}

export function tokensOnly(): TokenBrokerError {
  return new TokenBrokerError(
    'invalid_request',
    'A direct invoke gives tokens only: use `endpoint` to ask for more.',
  );
}
