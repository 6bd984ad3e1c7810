/**
 * A mistake in what is deployed: the message says what to mend, and a stack trace would only hide it.
 * @example
 * ```ts
 * import { OperatorError } from 'token-broker/cdk';
 * process.on('uncaughtException', (error) => {
 *   console.error(error instanceof OperatorError ? error.message : error);
 *   process.exitCode = 1;
 * });
 * ```
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}
