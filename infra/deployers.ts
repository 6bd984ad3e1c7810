/** Who may change what protects the broker: deployments, and the account's last resort. */
import { Aws } from 'aws-cdk-lib';

/** No policy could be mended again if it kept the root user out as well. */
export const ROOT_USER = `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:root`;

/** The role that CDK's bootstrap makes for CloudFormation. */
const EXECUTION_ROLE = `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/cdk-*-cfn-exec-role-${Aws.ACCOUNT_ID}-${Aws.REGION}`;

/**
 * Conditions of a statement that denies: true unless a deployment asks, by CDK's role or through CloudFormation in
 * the name of whoever called it, or one of the roles for emergencies, or the root user.
 */
export function notDeploying(breakGlass: readonly string[]) {
  return {
    ArnNotLike: { 'aws:PrincipalArn': [EXECUTION_ROLE, ROOT_USER, ...breakGlass] },
    StringNotEquals: { 'aws:CalledViaFirst': 'cloudformation.amazonaws.com' },
  };
}
