import type { Context } from 'aws-lambda';
import type { LocalHandlers } from '../../functions/local/handlers.ts';

/** Handlers that answer with what they were given, and count how often they ran. */
export function echoHandlers(): LocalHandlers & { readonly calls: string[] } {
  const calls: string[] = [];
  const answer = async (event: unknown, context: Context) => {
    calls.push(context.functionName);
    return {
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ event, context: shown(context) }),
    };
  };
  const echo = async (event: unknown, context: Context) => {
    calls.push(context.functionName);
    return { event, context: shown(context) };
  };
  return { calls, https: answer, callback: answer, invoke: echo, refresh: echo };
}

function shown(context: Context) {
  return { invokedFunctionArn: context.invokedFunctionArn, remaining: context.getRemainingTimeInMillis() };
}
