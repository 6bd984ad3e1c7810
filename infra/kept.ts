import { RemovalPolicy } from 'aws-cdk-lib';

/**
 * For what outlives its stack. A creation that is rolled back still takes it along (`RetainExceptOnCreate`): it
 * holds nothing yet, and its name would be in the way of the next try.
 */
export const KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
