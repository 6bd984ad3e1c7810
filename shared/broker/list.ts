import { BrokerError } from '../contract/errors.ts';
import type { ConnectionAnswer } from '../contract/messages.ts';
import type { Operation } from './audit.ts';
import type { Authorizer } from './authorize.ts';

/** One that cannot be looked at is shown with the reason. */
type Listed = ConnectionAnswer | Pick<ConnectionAnswer, 'connection' | 'last_failure'>;

/** Every connection that the caller may read. */
export function lister(
  { list }: Authorizer,
  describe: Operation<ConnectionAnswer>,
): Operation<{ connections: Listed[] }> {
  return async ({ caller, span }) => {
    const listed = async (connection: string): Promise<Listed> => {
      try {
        return await describe({ caller, connection, span });
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        return { connection, last_failure: { error: error.code, at: new Date(span.begunAt).toISOString() } };
      }
    };
    return { connections: await Promise.all(list(caller).map(({ name }) => listed(name))) };
  };
}
