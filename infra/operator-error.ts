/** A mistake of whoever deploys: the message says what to mend, and a stack trace would only hide it. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}
