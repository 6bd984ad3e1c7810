/**
 * Direct invoke: Lambda has authorized the call of one alias, and the alias is the connection. Lambda tells
 * nothing about the invoker, and the event is all the invoker's: no identity in it is believed.
 */
import type { Context } from 'aws-lambda';
import { DIRECT_INVOKER } from '../shared/broker/caller.ts';
import { BrokerError } from '../shared/contract/errors.ts';
import { CONNECTION_NAME, type TokenAnswer } from '../shared/contract/messages.ts';
import type { Broker } from './compose.ts';
import { internalError } from './http-answers.ts';

type InvokeHandler = (event: unknown, context: Context) => Promise<TokenAnswer>;

/** A failure as Lambda's runtime reports it: `errorType` is the code, `errorMessage` the JSON error object. */
export class InvokeError extends Error {
  constructor(error: BrokerError) {
    super(JSON.stringify(error));
    this.name = error.code;
    this.stack = '';
  }
}

export function invokeHandler(broker: Broker): InvokeHandler {
  return async (event, context) => {
    const begunAt = Date.now();
    const span = { begunAt, endsAt: begunAt + context.getRemainingTimeInMillis() };
    try {
      const connection = aliasOf(context.invokedFunctionArn);
      if (!connection) throw broker.refuseUnread(DIRECT_INVOKER.arn, notAnAlias());
      return await broker.token({ caller: DIRECT_INVOKER, connection, span, body: { event } });
    } catch (error) {
      throw new InvokeError(error instanceof BrokerError ? error : internalError(context.awsRequestId));
    }
  };
}

/** `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:ALIAS`; versions are digits and `$LATEST`, names are neither. */
function aliasOf(invokedFunctionArn: string): string | undefined {
  const alias = invokedFunctionArn.split(':')[7] ?? '';
  return CONNECTION_NAME.test(alias) ? alias : undefined;
}

function notAnAlias(): BrokerError {
  return new BrokerError(
    'access_denied',
    'Invoke this function by the alias that is named as the connection (qualifier CONNECTION), not unqualified or by version.',
  );
}
