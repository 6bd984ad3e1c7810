import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { BudgetTable } from '../broker/ports.ts';
import { toItem } from './attributes.ts';
import { Table } from './table.ts';
import type { TokensTableParts } from './tokens-table.ts';

/** A minute that is over counts for nothing; DynamoDB may delete it whenever it likes. In seconds. */
const KEPT = 600;

/**
 * Calls of vendors, counted in items `budget#CONNECTION#MINUTE` of the disposable table: one atomic write adds to the
 * connection's count and to the principal's, so that no two processes wait for each other. One that is refused adds to
 * neither: who is over his own budget uses up nobody else's.
 */
export function createBudgetTable({
  dynamo,
  table: name,
}: Pick<TokensTableParts, 'dynamo' | 'table'>): BudgetTable {
  const table = new Table(dynamo, name);

  return {
    spend(connection, window, principal, { perMinute, perPrincipal }) {
      const counts = [
        { attribute: 'all', limit: perMinute },
        ...(principal === undefined ? [] : [{ attribute: `by_${principal}`, limit: perPrincipal }]),
      ];
      const command = new UpdateItemCommand({
        TableName: name,
        Key: toItem({ pk: `budget#${connection}#${window}` }),
        UpdateExpression: `SET #ttl = :ttl ADD ${counts.map((_, index) => `#c${index} :one`).join(', ')}`,
        // Nobody was counted in a minute that is new. Without parentheses, at which the embedded store is slow.
        ConditionExpression: [
          'attribute_not_exists(#c0)',
          ...(principal === undefined
            ? ['#c0 < :m0']
            : ['#c0 < :m0 AND attribute_not_exists(#c1)', '#c0 < :m0 AND #c1 < :m1']),
        ].join(' OR '),
        ExpressionAttributeNames: {
          '#ttl': 'ttl',
          ...Object.fromEntries(counts.map(({ attribute }, index) => [`#c${index}`, attribute])),
        },
        ExpressionAttributeValues: toItem({
          ':one': 1,
          ':ttl': (window + 1) * 60 + KEPT,
          ...Object.fromEntries(counts.map(({ limit }, index) => [`:m${index}`, limit])),
        }),
      });
      return table.conditionally('count a vendor call in', (abortSignal) =>
        dynamo.client.send(command, { abortSignal }),
      );
    },
  };
}
