/** One KMS key for everything that the broker keeps; whoever loses it loses the grants with it. And how keys are guarded. */
import { Aws } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type CfnKey, type IKey, Key, type KeyProps } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { notDeploying } from './deployers.ts';
import { KEPT } from './kept.ts';

/** @param breakGlass ARNs of the roles for emergencies */
export function createKey(scope: Construct, breakGlass: readonly string[]): Key {
  const key = guardedKey(scope, 'Key', breakGlass, {
    description: 'Token broker: tables, client secrets, sealing keyring and logs',
    enableKeyRotation: true,
  });
  key.addToResourcePolicy(logsMayUse());
  return key;
}

/** A key that stays when the stack goes, and that deployments alone end. */
export function guardedKey(
  scope: Construct,
  id: string,
  breakGlass: readonly string[],
  props: KeyProps,
): Key {
  const key = new Key(scope, id, { ...props, removalPolicy: KEPT });
  key.addToResourcePolicy(onlyDeploymentsEndIt(breakGlass));
  // Whether the next change is still possible, KMS judges by the principal alone, and not by what it calls through.
  (key.node.defaultChild as CfnKey).bypassPolicyLockoutSafetyCheck = true;
  return key;
}

/** Without the key nothing opens, and administrators' own policies allow every key. */
function onlyDeploymentsEndIt(breakGlass: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: 'OnlyDeploymentsEndItOrDecideWhoMay',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DisableKeyRotation', 'kms:PutKeyPolicy'],
    resources: ['*'],
    conditions: notDeploying(breakGlass),
  });
}

/** CloudWatch Logs uses the key as itself; the encryption context says for which log group. */
function logsMayUse(): PolicyStatement {
  return new PolicyStatement({
    sid: 'LogsOfThisAccount',
    principals: [new ServicePrincipal(`logs.${Aws.REGION}.${Aws.URL_SUFFIX}`)],
    actions: [
      'kms:Encrypt',
      'kms:Decrypt',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
      'kms:GenerateDataKey',
      'kms:DescribeKey',
    ],
    resources: ['*'],
    conditions: {
      ArnLike: {
        'kms:EncryptionContext:aws:logs:arn': `arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:*`,
      },
    },
  });
}

/** CloudWatch may send alarms to an encrypted topic. */
export function alarmsMayUse(key: IKey): void {
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AlarmsOfThisAccount',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
}

/** What DynamoDB asks of the key on a caller's behalf (its developer guide, "authorizing use of the key"). */
const TABLE_USE = [
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

export function useKeyForTables(key: IKey): PolicyStatement {
  return throughService(key, 'dynamodb', TABLE_USE);
}

export function useKeyToReadSecrets(key: IKey): PolicyStatement {
  return throughService(key, 'secretsmanager', ['kms:Decrypt']);
}

export function useKeyToWriteSecrets(key: IKey): PolicyStatement {
  return throughService(key, 'secretsmanager', ['kms:Decrypt', 'kms:GenerateDataKey']);
}

/** The key is never used directly: only as the service that holds the data asks for it. */
function throughService(key: IKey, service: string, actions: string[]): PolicyStatement {
  return new PolicyStatement({
    actions,
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `${service}.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
  });
}
