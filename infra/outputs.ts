/** How callers, Terraform and other stacks find the broker: parameters and outputs, never secrets. */
import { CfnOutput } from 'aws-cdk-lib';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { SERVICE } from '../shared/contract/metrics.ts';
import type { Stage } from './stage.ts';

interface Published {
  /** Base URL of the HTTPS routes. */
  readonly endpoint: string;
  /** With `/CONNECTION` after it, registered at vendors as the redirect URI. */
  readonly callbackUrl: string;
  /** Invoke it with a connection's name as the qualifier. */
  readonly invokeFunctionArn: string;
  /** Where there is a dashboard. */
  readonly dashboardName?: string;
  /** The tables that are in use: after a restore, not those of the fixed names. */
  readonly tokensTable: string;
  readonly grantsTable: string;
}

export function publish(scope: Construct, stage: Stage, published: Published): void {
  const entries = [
    ['Endpoint', 'endpoint', published.endpoint, 'Base URL of the HTTPS routes'],
    [
      'CallbackUrl',
      'callback-url',
      published.callbackUrl,
      'Redirect URIs to register at vendors: this, a slash and the name of the connection',
    ],
    [
      'InvokeFunction',
      'invoke-function',
      published.invokeFunctionArn,
      'For direct invokes; the qualifier is the connection',
    ],
    ['DashboardName', 'dashboard', published.dashboardName, 'CloudWatch dashboard'],
    ['TokensTable', 'tokens-table', published.tokensTable, 'Table of minted tokens, in use'],
    ['GrantsTable', 'grants-table', published.grantsTable, 'Table of grants, in use'],
  ] as const;
  for (const [id, name, value, description] of entries) {
    if (value === undefined) continue;
    // CDK's own ids end in a digest, which nobody could guess.
    new CfnOutput(scope, id, { value, description }).overrideLogicalId(
      `TokenBroker${capitalized(stage)}${id}`,
    );
    new StringParameter(scope, `${id}Parameter`, {
      parameterName: `/${stage.name(SERVICE)}/${name}`,
      stringValue: value,
      description,
    });
  }
}

function capitalized({ label }: Stage): string {
  return label.replaceAll(/(?:^|-)([a-z0-9]?)/g, (_, first: string) => first.toUpperCase());
}
