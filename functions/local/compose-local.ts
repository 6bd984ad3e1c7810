/** The one place where the local program gets the handlers that Lambda runs. */
import type { AwsConfig } from '../../shared/aws/clients.ts';
import type { Observe } from '../../shared/broker/events.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { NAMES } from '../../shared/contract/names.ts';
import { callbackHandler } from '../callback.ts';
import { awsStores, compose } from '../compose.ts';
import { answered } from '../http-answers.ts';
import { httpsHandler } from '../https.ts';
import { invokeHandler } from '../invoke.ts';
import { refreshHandler } from '../refresh.ts';
import type { LocalHandlers } from './handlers.ts';

interface LocalComposition {
  readonly connections: ReadonlyMap<string, Connection>;
  /** For the clients of DynamoDB and Secrets Manager. */
  readonly aws: AwsConfig;
  /** Without a trailing slash; `/callback` is below it. */
  readonly publicUrl: string;
  readonly observe: Observe;
}

export function composeLocal({ connections, aws, publicUrl, observe }: LocalComposition): LocalHandlers {
  const { tokensTable, grantsTable, keyringSecret, rescuePrefix } = NAMES;
  const stores = awsStores({ aws, tokensTable, grantsTable, keyringSecret, rescuePrefix, shards: 1 });
  const broker = compose({ connections, stores, publicUrl, observe, allowLoopbackHttp: true });
  return {
    https: answered(httpsHandler(broker)),
    callback: answered(callbackHandler(broker)),
    invoke: invokeHandler(broker),
    refresh: refreshHandler(broker),
  };
}
