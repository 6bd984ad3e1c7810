/** New code gets a share of the callers first, and goes back by itself when it fails them. */
import { Duration, Validations } from 'aws-cdk-lib';
import { Alarm, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import {
  type ILambdaDeploymentConfig,
  LambdaApplication,
  LambdaDeploymentGroup,
} from 'aws-cdk-lib/aws-codedeploy';
import type { Construct } from 'constructs';
import type { BrokerFunction } from './functions.ts';

/** Of the functions behind the API: aliases of direct invoke follow once these have moved. */
export function deployGradually(
  scope: Construct,
  functions: Readonly<Record<string, BrokerFunction>>,
  deploymentConfig: ILambdaDeploymentConfig,
): void {
  const application = new LambdaApplication(scope, 'Canary');
  for (const [name, { live }] of Object.entries(functions)) {
    const failing = new Alarm(scope, `Canary${name}Failing`, {
      alarmDescription: `The ${name} function crashes or times out: a deployment under way goes back by itself.`,
      metric: live.metricErrors({ period: Duration.minutes(1), statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    const group = new LambdaDeploymentGroup(scope, `Canary${name}`, {
      application,
      alias: live,
      deploymentConfig,
      alarms: [failing],
    });
    Validations.of(group).acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]',
      reason: "CodeDeploy's own policy for Lambda, the limited one.",
    });
  }
}
