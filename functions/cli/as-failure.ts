import { TokenBrokerError } from '../../shared/client/errors.ts';
import { AwsRefusal } from './aws.ts';
import { EXIT, Failure, failureOf } from './failure.ts';

/** What a person can act on in an error. @throws the error itself when it is a defect */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof TokenBrokerError) return failureOf(error);
  if (error instanceof AwsRefusal)
    return new Failure(EXIT.denied, error.message, 'Check the credentials and --region.');
  throw error;
}
