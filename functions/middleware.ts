/** What every deployed function has around its handler: log context and metrics. */
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { Telemetry } from './telemetry.ts';

export function observed<Event, Result>(
  { log, flush }: Telemetry,
  handler: (event: Event, context: Context) => Promise<Result>,
) {
  return middy<Event, Result, Error, Context>()
    .use({ before: ({ context }) => log.begin(context), after: flush, onError: flush })
    .handler(handler);
}

/** For a function that answers in errors: each is counted, so that what Lambda counts beyond them crashed. */
export function throwing<Event, Result>(
  { failed }: Telemetry,
  handler: (event: Event, context: Context) => Promise<Result>,
): (event: Event, context: Context) => Promise<Result> {
  return async (event, context) => {
    try {
      return await handler(event, context);
    } catch (error) {
      failed();
      throw error;
    }
  };
}
