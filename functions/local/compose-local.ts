/** The one place where the local program gets the handlers that Lambda runs. */
import type { Connection } from '../../shared/connections/connection.ts';
import { BrokerError } from '../../shared/errors.ts';
import type { LocalHandlers } from './handlers.ts';
import type { AwsConfig } from './stores.ts';

export interface LocalComposition {
  readonly connections: ReadonlyMap<string, Connection>;
  /** For the clients of DynamoDB and Secrets Manager. */
  readonly aws: AwsConfig;
  /** Without a trailing slash; `/callback` is below it. */
  readonly publicUrl: string;
}

export async function composeLocal(_: LocalComposition): Promise<LocalHandlers> {
  const refuse = async () => {
    throw new BrokerError('internal', 'The broker is not composed yet');
  };
  return { https: refuse, callback: refuse, invoke: refuse, refresh: refuse };
}
