/**
 * The aliases of direct invoke. CloudFormation's own resource would be one a connection and move with every
 * version; here one custom resource moves those whose connection has changed, and all when the code has.
 */
import { createHash } from 'node:crypto';
import { CustomResource, Stack } from 'aws-cdk-lib';
import {
  AccountPrincipal,
  type IGrantable,
  type IPrincipal,
  Policy,
  PolicyStatement,
} from 'aws-cdk-lib/aws-iam';
import { type CfnFunction, CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { Construct, type IDependable } from 'constructs';
import type { Connection } from '../shared/connections/connection.ts';
import { CUSTOM_RESOURCES } from '../shared/contract/names.ts';
import { admitsDirectInvoke } from './access.ts';
import { bundle } from './bundling/bundle.ts';
import type { BrokerFunction } from './functions.ts';

interface InvokeAliasesProps {
  readonly invoke: BrokerFunction;
  readonly deployment: BrokerFunction;
  readonly connections: readonly Connection[];
  /** JavaScript of vendors that are brought along. */
  readonly vendors: Readonly<Record<string, string>>;
  /** The API's functions move first: when new code is tried on some callers, direct ones wait for the outcome. */
  readonly after: readonly IDependable[];
  /** Old versions go where they are kept warm, as each would be paid for. */
  readonly keepsVersions: boolean;
}

export class InvokeAliases extends Construct {
  readonly #functionArn: string;
  readonly #resource: CustomResource;

  constructor(scope: Construct, id: string, props: InvokeAliasesProps) {
    super(scope, id);
    const { functionName, functionArn, currentVersion } = props.invoke.function;
    this.#functionArn = functionArn;
    // Not in the role's own policy: the stage guard needs the function long before there is one to move aliases of.
    const policy = new Policy(this, 'Policy', {
      roles: [props.deployment.role],
      statements: [
        new PolicyStatement({
          actions: ['lambda:CreateAlias', 'lambda:UpdateAlias', 'lambda:DeleteAlias'],
          resources: [functionArn],
        }),
      ],
    });
    const direct = props.connections.filter(admitsDirectInvoke);
    this.#resource = new CustomResource(this, 'Resource', {
      resourceType: CUSTOM_RESOURCES.invokeAliases,
      serviceToken: props.deployment.function.functionArn,
      properties: {
        FunctionName: functionName,
        Version: currentVersion.version,
        Common: {
          ...configurationOf(props.invoke),
          Vendors: digest(JSON.stringify(props.vendors)),
          ...(!props.keepsVersions && { Version: currentVersion.version }),
        },
        Connections: Object.fromEntries(
          direct.map((connection) => [connection.name, digest(JSON.stringify(connection))]),
        ),
      },
    });
    this.#resource.node.addDependency(policy, ...props.after);
  }

  /** Lets `grantee` invoke the function as this connection, which admits direct invokes. */
  grantInvoke(grantee: IGrantable, connection: string): void {
    const functionArn = `${this.#functionArn}:${connection}`;
    const action = 'lambda:InvokeFunction';
    const principal = grantee.grantPrincipal;
    const statement = new PolicyStatement({ actions: [action], resources: [functionArn] });
    if (principal.addToPrincipalPolicy(statement).statementAdded) return;
    const named = principalName(principal);
    const id = `${connection}-${digest(JSON.stringify(Stack.of(this).resolve(named)))}`;
    if (this.node.tryFindChild(id)) return;
    const permission = new CfnPermission(this, id, { functionName: functionArn, action, principal: named });
    permission.node.addDependency(this.#resource);
  }
}

/** As Lambda wants a principal whose own policies are not of this account. */
function principalName(principal: IPrincipal): string {
  if (principal instanceof AccountPrincipal) return String(principal.accountId);
  return String(Object.values(principal.policyFragment.principalJson).flat()[0]);
}

/** Whatever makes a version but the connections: they are compared one by one. */
function configurationOf({ function: fn, program }: BrokerFunction): Record<string, unknown> {
  const { environment, memorySize, timeout, runtime, tracingConfig, vpcConfig } = fn.node
    .defaultChild as CfnFunction;
  const bundled = Stack.of(fn).bundlingRequired;
  return {
    Code: bundled ? digest(bundle(program).code) : 'not bundled',
    Environment: environment,
    MemorySize: memorySize,
    Timeout: timeout,
    Runtime: runtime,
    TracingConfig: tracingConfig,
    VpcConfig: vpcConfig,
  };
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}
