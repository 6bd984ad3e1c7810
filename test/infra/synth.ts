/** Synthesizes the broker for tests, without bundling unless asked: templates do not depend on the bundles. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type CfnResource, NestedStack, Stack, type StackProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { LambdaDeploymentConfig } from 'aws-cdk-lib/aws-codedeploy';
import { HostedZone } from 'aws-cdk-lib/aws-route53';
import type { ConnectionsDocument } from '../../infra/connection-members.ts';
import type { TokenBrokerProps } from '../../infra/props.ts';
import { TokenBroker } from '../../infra/token-broker.ts';

export const CONNECTIONS: ConnectionsDocument = {
  connections: {
    'crash-symbols': {
      vendor: 'bugsplat',
      scope: 'symbols',
      secret: 'token-broker/bugsplat-symbols',
      callers: [{ principal: 'arn:aws:iam::111122223333:role/ci-*' }],
    },
    'logs-jobs': { vendor: 'bugfender', client_auth: 'private_key_jwt' },
    'logs-portal': { vendor: 'bugfender', grant: 'authorization_code' },
    'research-user': {
      vendor: 'bipsync',
      tenant: 'acme',
      grant: 'authorization_code',
      secret: 'team/bipsync',
    },
    onboarding: { vendor: 'bits', scope: 'application' },
  },
};

export const ACCOUNT = '111122223333';
export const REGION = 'us-east-1';

/** CDK leaves its output behind where it is not told otherwise. */
const folder = mkdtempSync(join(tmpdir(), 'synth-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

export interface Synthesized {
  readonly app: App;
  readonly stack: Stack;
  readonly broker: TokenBroker;
  readonly template: Template;
}

/** Connections as JSON has them, whose types say nothing. */
type Props = Partial<Omit<TokenBrokerProps, 'connections'>> & {
  readonly connections?: string | { readonly connections: object };
};

interface Options {
  readonly props?: (stack: Stack) => Props;
  readonly stack?: StackProps;
  readonly context?: Record<string, unknown>;
  /** Further constructs of the app that embeds the broker. */
  readonly extend?: (broker: TokenBroker, stack: Stack) => void;
}

export function synthesize({ props, stack: stackProps, context, extend }: Options = {}): Synthesized {
  const app = new App({
    outdir: mkdtempSync(join(folder, 'cdk.out-')),
    context: { ...context, 'aws:cdk:bundling-stacks': [] },
  });
  const stack = new Stack(app, 'TokenBroker', stackProps);
  const broker = new TokenBroker(stack, 'Broker', {
    connections: CONNECTIONS,
    ...(props?.(stack) as Partial<TokenBrokerProps>),
  });
  extend?.(broker, stack);
  return { app, stack, broker, template: whole(stack) };
}

/** A stack's template with the resources of its nested stacks in it, their parameters in place. */
export function whole(stack: Stack): Template {
  const root = Template.fromStack(stack).toJSON();
  const nested = stack.node.findAll().filter((each): each is NestedStack => each instanceof NestedStack);
  const inside = nested.map((each) => {
    const id = stack.resolve((each.nestedStackResource as CfnResource).logicalId);
    const parameters = root.Resources[id].Properties.Parameters ?? {};
    const text = JSON.stringify(Template.fromStack(each).toJSON().Resources);
    return JSON.parse(text, (_, value) => (value?.Ref in parameters ? parameters[value.Ref] : value));
  });
  return Template.fromJSON({ ...root, Resources: Object.assign({}, root.Resources, ...inside) });
}

/** Everything that a deployment may switch on, at once. */
export function everything(stack: Stack): Partial<TokenBrokerProps> {
  return {
    canary: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
    stage: 'prod',
    egress: 'static-ip',
    shards: 4,
    provisionedConcurrency: 2,
    reservedConcurrency: 50,
    publicReservedConcurrency: 5,
    breakGlass: [`arn:aws:iam::${ACCOUNT}:role/break-glass`],
    alarmEmail: 'oncall@example.com',
    alarms: 'all',
    tracing: true,
    secretReaders: [`arn:aws:iam::${ACCOUNT}:role/auditor`],
    domain: {
      name: 'tokens.example.com',
      certificate: Certificate.fromCertificateArn(
        stack,
        'Certificate',
        `arn:aws:acm:${REGION}:${ACCOUNT}:certificate/c`,
      ),
      hostedZone: HostedZone.fromHostedZoneAttributes(stack, 'Zone', {
        hostedZoneId: 'Z0123456789',
        zoneName: 'example.com',
      }),
    },
  };
}
