/** Client secrets: placeholders that a person fills, readable by the broker alone. */
import { type Acknowledgment, Aws, Validations } from 'aws-cdk-lib';
import {
  AnyPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  type PolicyStatementProps,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnResourcePolicy, CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { NAMES } from '../shared/contract/names.ts';
import type { Binding } from './binding.ts';
import { notDeploying, ROOT_USER } from './deployers.ts';
import { useKeyToReadSecrets } from './encryption.ts';
import { KEPT } from './kept.ts';
import type { Stage } from './stage.ts';

export interface ClientSecret {
  /** The name as the connections file has it: what the logical id is made of, whatever the stage. */
  readonly id: string;
  /** Whether it is the broker's own, and so made by the stack. */
  readonly own: boolean;
  /** Name or complete ARN. */
  readonly secret: string;
  /** Whether the function that strangers reach reads it: people consent to one of its connections, or its public keys are served. */
  readonly open: boolean;
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
  placeholder.applyRemovalPolicy(KEPT);
  Validations.of(placeholder).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason:
      'The vendor issues this value and has no rotation API; the guide shows rotation without downtime.',
  });
  return placeholder;
}

interface Guard {
  /** ARNs of the roles that read the value. */
  readonly readers: readonly string[];
  /** ARNs of the roles that write it; left out, whoever may write: filling in a secret needs no right to read it. */
  readonly writers?: readonly string[];
  /** ARNs of the roles for emergencies, from which nothing is kept. */
  readonly breakGlass: readonly string[];
}

/**
 * Keeps the secret from everybody but these roles, even from principals whose own policies allow every secret.
 * What is for emergencies only: deleting it, copying it to another Region, and, but for deployments, changing this
 * policy or the rotation.
 */
export function guardSecret(
  scope: Construct,
  id: string,
  secretId: string,
  { readers, writers, breakGlass }: Guard,
): void {
  const but = (...roles: readonly string[]) => ({
    ArnNotLike: { 'aws:PrincipalArn': [...roles, ...breakGlass] },
  });
  const emergencies = but(ROOT_USER);
  const statements = [
    denied('OnlyTheBrokerReads', ['GetSecretValue'], but(...readers)),
    denied('NobodyDeletesOrCopies', ['DeleteSecret', 'ReplicateSecretToRegions'], emergencies),
    denied(
      'OnlyDeploymentsDecideWhoMay',
      ['PutResourcePolicy', 'DeleteResourcePolicy', 'CancelRotateSecret'],
      notDeploying(breakGlass),
    ),
    ...(writers
      ? [
          denied('OnlyTheRotationWrites', WRITING, but(...writers)),
          denied('OnlyDeploymentsChooseTheRotation', ['RotateSecret'], {
            ...notDeploying(breakGlass),
            Null: { 'secretsmanager:RotationLambdaARN': 'false' },
          }),
        ]
      : []),
  ];
  new CfnResourcePolicy(scope, id, {
    secretId,
    blockPublicPolicy: true,
    resourcePolicy: new PolicyDocument({ statements }),
  });
}

/** `UpdateSecret` is how CloudFormation would put a new first value over a live one, so deployments are not let off. */
const WRITING = ['PutSecretValue', 'UpdateSecret', 'UpdateSecretVersionStage'];

function denied(sid: string, actions: readonly string[], conditions: PolicyStatementProps['conditions']) {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: actions.map((action) => `secretsmanager:${action}`),
    resources: ['*'],
    ...(conditions && { conditions }),
  });
}

/** As many names fit into the policies of a role beside all else; a thousand do not. */
const MOST_NAMED = 200;

/**
 * Read access to exactly these secrets; `keys` are those that encrypt them. Where they are too many to be named,
 * those under the broker's own prefix are one line.
 */
export function readClientSecrets(
  secrets: readonly ClientSecret[],
  keys: readonly IKey[],
  stage: Stage,
): Binding {
  const prefix = stage.name(NAMES.defaultSecretPrefix);
  const names = secrets.map(({ secret }) => secret);
  const named = names.length > MOST_NAMED ? names.filter((name) => !name.startsWith(prefix)) : names;
  const read = (resources: string[]) =>
    new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources });
  const acknowledged = anySecretUnder(
    prefix,
    "The prefix is the broker's own: nothing but its client secrets has it.",
  );
  return {
    environment: {},
    statements: [
      ...(named.length < names.length ? [read([namedSecret(`${prefix}*`)])] : []),
      ...chunks(named.map(secretArn), SECRETS_IN_STATEMENT).map(read),
      ...keys.map(useKeyToReadSecrets),
    ],
    acknowledged: [acknowledged],
  };
}

/** CDK spreads a role's statements over policies that IAM finds small enough, but cannot divide a statement. */
const SECRETS_IN_STATEMENT = 20;

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** Refresh tokens that could not be committed are kept aside as secrets; no other secret may be written. */
export function keepRescues(stage: Stage): Binding {
  return onRescues(stage, ['CreateSecret', 'GetSecretValue', 'DeleteSecret']);
}

/** Those of a grant that another has replaced. */
export function discardRescues(stage: Stage): Binding {
  return onRescues(stage, ['DeleteSecret']);
}

function onRescues(stage: Stage, names: readonly string[]): Binding {
  const prefix = stage.name(NAMES.rescuePrefix);
  const statement = new PolicyStatement({
    actions: names.map((name) => `secretsmanager:${name}`),
    resources: [namedSecret(`${prefix}*`)],
  });
  const acknowledged = anySecretUnder(
    prefix,
    'A rescue is named by its grant and attempt, which nobody knows before; the prefix holds nothing else.',
  );
  return { environment: { rescuePrefix: prefix }, statements: [statement], acknowledged: [acknowledged] };
}

function anySecretUnder(prefix: string, reason: string): Acknowledgment {
  const arn = `arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:${prefix}*`;
  return { id: `AwsSolutions-IAM5[Resource::${arn}]`, reason };
}

/** Secrets Manager ends the ARN of a named secret in six characters of its own; `-*` would match other names too. */
function secretArn(secret: string): string {
  return isArn(secret) ? secret : namedSecret(`${secret}-??????`);
}

function isArn(secret: string): boolean {
  return secret.startsWith('arn:');
}

function namedSecret(name: string): string {
  return `arn:${Aws.PARTITION}:secretsmanager:${Aws.REGION}:${Aws.ACCOUNT_ID}:secret:${name}`;
}
