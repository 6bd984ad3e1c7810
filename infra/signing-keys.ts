/** Asymmetric KMS keys that sign clients' assertions, one a connection: the broker signs with them, and nobody else. */
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Alias, type Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { type Connection, isForItself } from '../shared/connections/connection.ts';
import { KMS_KEYS, type KmsAlgorithm } from '../shared/connections/kms.ts';
import { signingKeyAlias } from '../shared/contract/stage.ts';
import type { Binding } from './binding.ts';
import { guardedKey } from './encryption.ts';
import type { Stage } from './stage.ts';

export interface SigningKey {
  readonly algorithm: KmsAlgorithm;
  /** Whether the function that strangers reach signs with it: people consent to its connection. */
  readonly open: boolean;
  /** Whether its public half is for everybody. */
  readonly served: boolean;
  readonly key: Key;
}

/** @param breakGlass ARNs of the roles for emergencies */
export function createSigningKeys(
  scope: Construct,
  stage: Stage,
  connections: readonly Connection[],
  breakGlass: readonly string[],
): SigningKey[] {
  return connections.flatMap(({ name, grant, kmsAlgorithm: algorithm, servesJwks: served }) => {
    if (algorithm === undefined) return [];
    const { keySpec } = KMS_KEYS[algorithm];
    // KMS changes no key's kind: another kind is another key, whose id must be another too.
    const key = guardedKey(scope, `SigningKey-${name}-${keySpec}`, breakGlass, {
      description: `Signs for the token broker's connection ${name}`,
      keySpec: KeySpec[keySpec],
      keyUsage: KeyUsage.SIGN_VERIFY,
    });
    new Alias(scope, `SigningAlias-${name}`, {
      aliasName: signingKeyAlias(stage.name(''), name),
      targetKey: key,
    });
    return [{ algorithm, open: !isForItself(grant), served, key }];
  });
}

/** By the key's own algorithm alone, as the rest of a key's life belongs to deployments. */
export function signWith(keys: readonly SigningKey[]): Binding {
  const statements = keys.map(
    ({ key, algorithm }) =>
      new PolicyStatement({
        actions: ['kms:Sign'],
        resources: [key.keyArn],
        conditions: { StringEquals: { 'kms:SigningAlgorithm': KMS_KEYS[algorithm].signingAlgorithm } },
      }),
  );
  return { environment: {}, statements };
}

/** For who shows them to the vendors. */
export function readPublicHalves(keys: readonly SigningKey[]): Binding {
  const served = keys.filter(({ served }) => served).map(({ key }) => key.keyArn);
  const actions = ['kms:GetPublicKey'];
  return {
    environment: {},
    statements: served.length > 0 ? [new PolicyStatement({ actions, resources: served })] : [],
  };
}

/** Administrators' own policies allow every key. @param signers ARNs of the roles */
export function onlySignedBy({ key }: SigningKey, signers: readonly string[]): void {
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'OnlyTheBrokerSigns',
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['kms:Sign'],
      resources: ['*'],
      conditions: { ArnNotLike: { 'aws:PrincipalArn': signers } },
    }),
  );
}
