/**
 * Log lines with the keys of Powertools for AWS Lambda, which dashboards and queries know: one JSON object a line, written to
 * the standard output itself, since Lambda's console puts text before a line that CloudWatch could read metrics from.
 * https://docs.aws.amazon.com/powertools/typescript/latest/features/logger/#standard-structured-keys
 */
import type { Context } from 'aws-lambda';

export type Level = 'INFO' | 'WARN' | 'ERROR';

export class Log {
  readonly #service: string;
  #invocation: Readonly<Record<string, unknown>> = {};
  #coldStart = true;

  constructor(service: string) {
    this.#service = service;
  }

  /** What is written from here on belongs to this invocation. */
  begin(context: Context): void {
    this.#invocation = {
      cold_start: this.#coldStart,
      function_arn: context.invokedFunctionArn,
      function_memory_size: context.memoryLimitInMB,
      function_name: context.functionName,
      function_request_id: context.awsRequestId,
      xray_trace_id: traceId(),
    };
    this.#coldStart = false;
  }

  write(level: Level, message: string, members: Readonly<Record<string, unknown>>): void {
    const timestamp = new Date().toISOString();
    const line = { level, message, timestamp, service: this.#service, ...this.#invocation, ...members };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

/** Lambda changes the variable at each invocation. Of `Root=…;Parent=…` the trace is the first. */
function traceId(): string | undefined {
  return process.env._X_AMZN_TRACE_ID?.split(';')[0]?.replace('Root=', '');
}
