import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { settingsOf } from './settings.ts';
import { TokenBroker } from './token-broker.ts';

/** A stack that holds one broker, set up from CDK context. */
export class TokenBrokerStack extends Stack {
  readonly broker: TokenBroker;

  constructor(scope: Construct, id: string, props: StackProps = {}) {
    super(scope, id, {
      description: 'Token broker: short-lived vendor tokens for callers that IAM knows',
      ...props,
    });
    this.broker = new TokenBroker(this, 'Broker', settingsOf(this));
  }
}
