/** The two tables: disposable tokens, precious grants. */
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  type Attribute,
  AttributeType,
  BillingMode,
  type ITable,
  ProjectionType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct, IConstruct } from 'constructs';
import { NAMES } from '../shared/contract/names.ts';
import { GRANTS_TABLE, type TableSchema, TOKENS_TABLE } from '../shared/contract/tables.ts';
import type { Binding } from './binding.ts';
import { useKeyForTables } from './encryption.ts';
import { KEPT } from './kept.ts';
import type { Stage } from './stage.ts';

interface TableProps {
  readonly stage: Stage;
  readonly key: IKey;
}

export function createTokensTable(scope: Construct, { stage, key }: TableProps): Table {
  const table = new Table(scope, 'Tokens', {
    tableName: stage.name(NAMES.tokensTable),
    ...keyOf(TOKENS_TABLE.key),
    timeToLiveAttribute: TOKENS_TABLE.ttl,
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

/** The table that `createGrantsTable` makes, by its name, for those that must not depend on it. */
export function namedGrantsTable(scope: Construct, stage: Stage): ITable {
  return Table.fromTableName(scope, 'GrantsByName', stage.name(NAMES.grantsTable));
}

/**
 * Nothing in it goes with the stack. CloudFormation cannot delete a table that is protected from deletion, not
 * even to roll its creation back: so it is made once everything else is there, and nothing is left that could fail.
 *
 * @param others everything else
 */
export function createGrantsTable(
  scope: Construct,
  { stage, key, others }: TableProps & { others: readonly IConstruct[] },
): Table {
  const table = new Table(scope, 'Grants', {
    tableName: stage.name(NAMES.grantsTable),
    ...keyOf(GRANTS_TABLE.key),
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey: key,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: KEPT,
  });
  const { name, key: indexKey, include } = GRANTS_TABLE.index;
  table.addGlobalSecondaryIndex({
    indexName: name,
    ...keyOf(indexKey),
    projectionType: ProjectionType.INCLUDE,
    nonKeyAttributes: include,
  });
  table.node.addDependency(...others);
  return table;
}

const TYPES = { S: AttributeType.STRING, N: AttributeType.NUMBER };

function keyOf({ partition, sort }: TableSchema['key']): { partitionKey: Attribute; sortKey?: Attribute } {
  const attribute = ({ name, type }: typeof partition): Attribute => ({ name, type: TYPES[type] });
  return { partitionKey: attribute(partition), ...(sort && { sortKey: attribute(sort) }) };
}

/**
 * Nobody but these roles reads items or writes them, whatever their own policies allow: a seal cannot tell an item that is
 * put back from an older copy. What is done to the table itself, backups and restoring included, stays
 * with IAM. The resource is `*`, since the policy is a part of the table that it would name.
 */
export function admitOnly(table: Table, roles: readonly string[]): void {
  table.addToResourcePolicy(
    new PolicyStatement({
      sid: 'ItemsAreTheBrokersAlone',
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ITEM_ACTIONS.map((action) => `dynamodb:${action}`),
      resources: ['*'],
      conditions: { ArnNotLike: { 'aws:PrincipalArn': [...roles] } },
    }),
  );
}

const ITEM_ACTIONS = [
  ...['GetItem', 'BatchGetItem', 'Query', 'Scan', 'PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'],
  ...['PartiQLSelect', 'PartiQLInsert', 'PartiQLUpdate', 'PartiQLDelete', 'ConditionCheckItem'],
];

export function readWriteTokens(table: ITable, key: IKey): Binding {
  return {
    environment: { tokensTable: table.tableName },
    statements: [
      new PolicyStatement({
        // UpdateItem counts what a vendor is asked for.
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
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

/** Lists a connection's grants, and forgets one that does not open. */
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

/** Removes the places of forgotten grants. */
export function removeGrants(table: ITable): Binding {
  return {
    environment: {},
    statements: [new PolicyStatement({ actions: ['dynamodb:DeleteItem'], resources: [table.tableArn] })],
  };
}

/** Finds due grants, or what every grant is sealed under; never by Scan. */
export function queryDueGrants(table: ITable, key: IKey): Binding {
  return {
    environment: { grantsTable: table.tableName },
    statements: [
      new PolicyStatement({
        actions: ['dynamodb:Query'],
        resources: [`${table.tableArn}/index/${GRANTS_TABLE.index.name}`],
      }),
      useKeyForTables(key),
    ],
  };
}
