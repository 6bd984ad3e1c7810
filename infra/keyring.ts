/** The sealing keyring: one secret that rotates through the broker's own function. */
import { Aws, Duration } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnRotationSchedule, CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { NAMES } from '../shared/contract/names.ts';
import type { Binding } from './binding.ts';
import { useKeyToReadSecrets, useKeyToWriteSecrets } from './encryption.ts';
import type { BrokerFunction } from './functions.ts';
import { KEPT } from './kept.ts';
import type { Stage } from './stage.ts';

/** Shorter than the 36 days for which a key is kept at least. */
const ROTATE_EVERY = Duration.days(30);

export function createKeyring(scope: Construct, { stage, key }: { stage: Stage; key: IKey }): CfnSecret {
  const keyring = new CfnSecret(scope, 'Keyring', {
    name: stage.name(NAMES.keyringSecret),
    description: 'Keys under which the token broker seals what it stores. Without it every grant is lost.',
    kmsKeyId: key.keyArn,
    // Never change this: CloudFormation would put a new first value over the live keyring.
    generateSecretString: {
      secretStringTemplate: '{"kid":"initial"}',
      generateStringKey: 'key',
      passwordLength: 64,
      excludePunctuation: true,
    },
  });
  keyring.applyRemovalPolicy(KEPT);
  return keyring;
}

/** @param arn the keyring's complete ARN */
export function readKeyring(arn: string, key: IKey): Binding {
  const statement = new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] });
  return { environment: { keyringSecret: arn }, statements: [statement, useKeyToReadSecrets(key)] };
}

export function rotateKeyring(arn: string, key: IKey): Binding {
  const statement = new PolicyStatement({
    actions: [
      'secretsmanager:DescribeSecret',
      'secretsmanager:GetSecretValue',
      'secretsmanager:PutSecretValue',
      'secretsmanager:UpdateSecretVersionStage',
    ],
    resources: [arn],
  });
  return { environment: { keyringSecret: arn }, statements: [statement, useKeyToWriteSecrets(key)] };
}

/** Secrets Manager calls the function itself, not an alias: what rotates keys must be what was deployed last. */
export function scheduleRotation(scope: Construct, arn: string, rotation: BrokerFunction): void {
  rotation.function.addPermission('Rotation', {
    principal: new ServicePrincipal('secretsmanager.amazonaws.com'),
    sourceAccount: Aws.ACCOUNT_ID,
    sourceArn: arn,
  });
  const schedule = new CfnRotationSchedule(scope, 'KeyringRotation', {
    secretId: arn,
    rotationLambdaArn: rotation.function.functionArn,
    rotationRules: { automaticallyAfterDays: ROTATE_EVERY.toDays() },
    // Deploying again is no reason for a new key.
    rotateImmediatelyOnUpdate: false,
  });
  schedule.node.addDependency(rotation);
}
