/** One KMS key for everything that the broker keeps; whoever loses it loses the grants with it. */
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

export function createKey(scope: Construct): Key {
  const key = new Key(scope, 'Key', {
    description: 'Token broker: tables, client secrets, sealing keyring and logs',
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  key.addToResourcePolicy(logsMayUse());
  return key;
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
