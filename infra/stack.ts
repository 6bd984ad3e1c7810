import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { SERVICE } from '../shared/contract/metrics.ts';
import { STAGE } from '../shared/contract/stage.ts';
import { Context } from './context.ts';
import { settingsOf } from './settings.ts';
import { Stage } from './stage.ts';
import { TokenBroker } from './token-broker.ts';

/** A stack that holds one broker, set up from CDK context. */
export class TokenBrokerStack extends Stack {
  readonly broker: TokenBroker;

  /** @throws OperatorError naming every wrong context value, or every mistake in the connections */
  constructor(scope: Construct, id: string, props: StackProps = {}) {
    const context = new Context(scope);
    super(scope, id, {
      stackName: stackName(context.text('stage')),
      description: 'Token broker: short-lived vendor tokens for callers that IAM knows',
      terminationProtection: context.flag('termination-protection') ?? true,
      ...props,
    });
    this.broker = new TokenBroker(this, 'Broker', settingsOf(this, context));
  }
}

/** A stage that is not allowed is told with the other settings. */
function stackName(stage: string | undefined): string {
  return new Stage(stage && STAGE.test(stage) ? stage : undefined).name(SERVICE);
}
