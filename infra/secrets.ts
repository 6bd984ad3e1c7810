/** Client secrets: placeholders that a person fills, readable by the broker alone. */
import { Arn, ArnFormat, Aws, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnResourcePolicy, CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { NAMES } from '../shared/environment.ts';
import type { Binding } from './binding.ts';
import { useKeyToReadSecrets } from './encryption.ts';
import type { Stage } from './stage.ts';

export interface ClientSecret {
  /** The name as the connections file has it: what the logical id is made of, whatever the stage. */
  readonly id: string;
  /** Name or complete ARN. */
  readonly secret: string;
  /** Connections that use it, for its description. */
  readonly connections: readonly string[];
}

/**
 * A secret without a value: no version means "not set yet", and nothing that CloudFormation does later can put
 * a version over the one that a person has put.
 */
export function createPlaceholder(
  scope: Construct,
  { id, secret, connections }: ClientSecret,
  key: IKey,
): CfnSecret {
  const placeholder = new CfnSecret(scope, `Secret-${id}`, {
    name: secret,
    description: `Vendor client of the token broker's connections ${connections.join(', ')}`.slice(0, 2048),
    kmsKeyId: key.keyArn,
  });
  placeholder.applyRemovalPolicy(RemovalPolicy.RETAIN);
  Validations.of(placeholder).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason:
      'The vendor issues this value and has no rotation API; the guide shows rotation without downtime.',
  });
  return placeholder;
}

/**
 * Lets nobody read the secret but these roles, not even principals whose own policies allow every secret.
 * Writing stays with whoever may write: filling in a secret needs no right to read it.
 */
export function onlyReadableBy(
  scope: Construct,
  id: string,
  secretId: string,
  readers: readonly string[],
): void {
  new CfnResourcePolicy(scope, id, {
    secretId,
    blockPublicPolicy: true,
    resourcePolicy: new PolicyDocument({
      statements: [
        new PolicyStatement({
          sid: 'OnlyTheBrokerReads',
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions: ['secretsmanager:GetSecretValue'],
          resources: ['*'],
          conditions: { ArnNotEquals: { 'aws:PrincipalArn': readers } },
        }),
      ],
    }),
  });
}

/** Read access to exactly these secrets; `keys` are those that encrypt them. */
export function readClientSecrets(
  scope: Construct,
  secrets: readonly ClientSecret[],
  keys: readonly IKey[],
): Binding {
  return {
    environment: {},
    statements: [
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources: secrets.map(({ secret }) => secretArn(scope, secret)),
      }),
      ...keys.map(useKeyToReadSecrets),
    ],
  };
}

/** Refresh tokens that could not be committed are kept aside as secrets; there is no other secret they may write. */
export function keepRescues(scope: Construct, stage: Stage): Binding {
  const prefix = stage.name(NAMES.rescuePrefix);
  const rescues = secretsArn(scope, `${prefix}*`);
  const statement = new PolicyStatement({
    actions: ['secretsmanager:CreateSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:DeleteSecret'],
    resources: [rescues],
  });
  return { environment: { rescuePrefix: prefix }, statements: [statement] };
}

/** Secrets Manager ends the ARN of a named secret in six characters of its own; `-*` would match other names too. */
export function secretArn(scope: Construct, secret: string): string {
  return isArn(secret) ? secret : secretsArn(scope, `${secret}-??????`);
}

export function isArn(secret: string): boolean {
  return secret.startsWith('arn:');
}

function secretsArn(scope: Construct, resourceName: string): string {
  return Arn.format(
    {
      service: 'secretsmanager',
      resource: 'secret',
      resourceName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      partition: Aws.PARTITION,
    },
    Stack.of(scope),
  );
}
