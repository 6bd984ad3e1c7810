/** The two tables: disposable tokens, precious grants. */
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  type ITable,
  ProjectionType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { DUE_INDEX, NAMES } from '../shared/contract/names.ts';
import type { Binding } from './binding.ts';
import { useKeyForTables } from './encryption.ts';
import type { Stage } from './stage.ts';

interface TableProps {
  readonly stage: Stage;
  readonly key: IKey;
}

/** Minted tokens, leases, pending consents: each ends by its `ttl`, and can be had again. */
export function createTokensTable(scope: Construct, { stage, key }: TableProps): Table {
  const table = new Table(scope, 'Tokens', {
    tableName: stage.name(NAMES.tokensTable),
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    timeToLiveAttribute: 'ttl',
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey: key,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  Validations.of(table).acknowledge({
    id: 'AwsSolutions-DDB3',
    reason: 'Nothing in it is worth restoring: a minted token that is lost is minted again.',
  });
  return table;
}

/** Refresh tokens: a lost one is a person asked to consent again, so nothing here expires or goes with the stack. */
export function createGrantsTable(scope: Construct, { stage, key }: TableProps): Table {
  const table = new Table(scope, 'Grants', {
    tableName: stage.name(NAMES.grantsTable),
    partitionKey: { name: 'connection', type: AttributeType.STRING },
    sortKey: { name: 'subject', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey: key,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  table.addGlobalSecondaryIndex({
    indexName: DUE_INDEX,
    partitionKey: { name: 'shard', type: AttributeType.NUMBER },
    sortKey: { name: 'due_at', type: AttributeType.NUMBER },
    projectionType: ProjectionType.INCLUDE,
    // What the keyring's rotation asks of every grant: the keys that it is sealed under.
    nonKeyAttributes: ['kids'],
  });
  return table;
}

export function readWriteTokens(table: ITable, key: IKey): Binding {
  return {
    environment: { tokensTable: table.tableName },
    statements: [
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
        resources: [table.tableArn],
      }),
      useKeyForTables(key),
    ],
  };
}

/** @param shards how many parts the due index has: whoever writes a grant chooses its part */
export function readWriteGrants(table: ITable, key: IKey, shards: number): Binding {
  return {
    environment: { grantsTable: table.tableName, shards: String(shards) },
    statements: [
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
        resources: [table.tableArn],
      }),
      useKeyForTables(key),
    ],
  };
}

/** Counts a connection's grants by state, and forgets revoked ones. */
export function countAndForgetGrants(table: ITable, key: IKey): Binding {
  return {
    environment: { grantsTable: table.tableName },
    statements: [
      new PolicyStatement({
        actions: ['dynamodb:Query', 'dynamodb:DeleteItem'],
        resources: [table.tableArn],
      }),
      useKeyForTables(key),
    ],
  };
}

/** Finds due grants, or what every grant is sealed under; never by Scan. */
export function queryDueGrants(table: ITable, key: IKey): Binding {
  return {
    environment: { grantsTable: table.tableName },
    statements: [
      new PolicyStatement({
        actions: ['dynamodb:Query'],
        resources: [`${table.tableArn}/index/${DUE_INDEX}`],
      }),
      useKeyForTables(key),
    ],
  };
}
