/** What a caller must be allowed for one connection, and nothing wider. */
import { Arn, ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Connection } from '../shared/connections/connection.ts';
import type { Action } from '../shared/contract/messages.ts';
import { CALLER_ROUTES, fillPath, partsOf, ROUTES } from '../shared/contract/routes.ts';

/**
 * `METHOD/path` of the routes that an action needs. `*` stands where the caller names what cannot be known
 * here: the id of a consent, the subject of a grant. IAM's `*` also matches `/`; no longer route exists there.
 */
export function routesOf(action: Action, connection: string): string[] {
  return CALLER_ROUTES.filter((key) => ROUTES[key].action === action).map((key) => {
    const path = fillPath(key, (parameter) => (parameter === 'connection' ? connection : '*'));
    return `${partsOf(key).method}${path}`;
  });
}

/** CDK's own grant on a route would allow every connection, hence the literal path. */
export function invokeRoutes(scope: Construct, apiId: string, routes: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    actions: ['execute-api:Invoke'],
    resources: routes.map((route) =>
      Arn.format(
        {
          service: 'execute-api',
          partition: Aws.PARTITION,
          resource: apiId,
          resourceName: `$default/${route}`,
          arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
        },
        Stack.of(scope),
      ),
    ),
  });
}

/** Lambda cannot say who invokes, so a connection with `callers` refuses direct invokes unless told otherwise. */
export function admitsDirectInvoke({ directInvoke }: Connection): boolean {
  return directInvoke;
}
