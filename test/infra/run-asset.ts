/** A Lambda execution environment in small: loads one asset and runs its handler for each message. */
import { pathToFileURL } from 'node:url';

export interface Invocation {
  readonly event: unknown;
  readonly invokedFunctionArn: string;
}
export type Outcome =
  | { readonly result: unknown }
  | { readonly errorType: string; readonly errorMessage: string };

/** Which parts of Node.js are loaded, which its types do not have. */
type NodeProcess = typeof process & { readonly moduleLoadList: readonly string[] };

const [, , asset] = process.argv;
const { handler } = await import(pathToFileURL(`${asset}/index.cjs`).href);

process.on('message', async (message: Invocation | 'loaded') => {
  if (message === 'loaded') return process.send?.((process as NodeProcess).moduleLoadList);
  const { event, invokedFunctionArn } = message;
  const endsAt = Date.now() + 29_000;
  const context = {
    // From no generator, whose loading would hide whether the asset loads it.
    awsRequestId: '00000000-0000-4000-8000-000000000000',
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
