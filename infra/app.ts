/** The CDK app: one stack, set up from `cdk.json` or with `-c NAME=VALUE`. */
import { App, Errors } from 'aws-cdk-lib';
import { OperatorError } from './operator-error.ts';
import { TokenBrokerStack } from './stack.ts';

try {
  // Synthesized here, where a refusal can be told from a defect, and not by CDK once more before the exit.
  const app = new App({ autoSynth: false });
  new TokenBrokerStack(app, 'TokenBroker');
  app.synth();
} catch (error) {
  if (!isForOperator(error)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

/** CDK's own refusals, of too many resources for one, are for the operator as well. */
function isForOperator(error: unknown): error is Error {
  return error instanceof OperatorError || Errors.isValidationError(error);
}
