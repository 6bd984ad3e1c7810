/** A Lambda execution environment in small: loads one asset and runs its handler for each message. */
import { pathToFileURL } from 'node:url';

export interface Invocation {
  readonly event: unknown;
  readonly invokedFunctionArn: string;
}
export type Outcome =
  | { readonly result: unknown }
  | { readonly errorType: string; readonly errorMessage: string };

const [, , asset] = process.argv;
const { handler } = await import(pathToFileURL(`${asset}/index.cjs`).href);

process.on('message', async ({ event, invokedFunctionArn }: Invocation) => {
  const endsAt = Date.now() + 29_000;
  const context = {
    awsRequestId: crypto.randomUUID(),
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: '1',
    memoryLimitInMB: '512',
    invokedFunctionArn,
    getRemainingTimeInMillis: () => endsAt - Date.now(),
  };
  process.send?.(await outcomeOf(handler(event, context)));
});
process.send?.('ready');

async function outcomeOf(running: Promise<unknown>): Promise<Outcome> {
  try {
    return { result: (await running) ?? null };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { errorType: error.name, errorMessage: error.message };
  }
}
