import { Aws } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { alarmsMayUse } from './encryption.ts';
import type { DeploymentProps } from './props.ts';

/** Where alarms go: the operator's topic, one made for an address, or nowhere. */
export function alarmTopic(
  scope: Construct,
  key: IKey,
  { alarmTopic: given, alarmEmail }: DeploymentProps,
): ITopic | undefined {
  if (given || alarmEmail === undefined) return given;
  alarmsMayUse(key);
  const topic = new Topic(scope, 'AlarmTopic', { masterKey: key, enforceSSL: true });
  // A topic with a policy of its own loses the default one, which let alarms of the account publish.
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AlarmsOfThisAccount',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  topic.addSubscription(new EmailSubscription(alarmEmail));
  return topic;
}
