/** Whose word AWS is asked for: the roles of the functions that prove themselves by it, and for whom they may. */
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  type Connection,
  isForItself,
  WEB_IDENTITY_LIFE,
  type WebIdentity,
} from '../shared/connections/connection.ts';
import type { Binding } from './binding.ts';

export interface Vouched {
  readonly identity: WebIdentity;
  /** Whether the function that strangers reach asks for it: people consent to its connection. */
  readonly open: boolean;
}

export function vouchedConnections(connections: readonly Connection[]): Vouched[] {
  return connections.flatMap(({ webIdentity: identity, grant }) =>
    identity ? [{ identity, open: !isForItself(grant) }] : [],
  );
}

/** Tokens as the broker asks for them and no others (IAM User Guide, "Controlling access with IAM policies" of outbound federation). */
export function askForIdentity(vouched: readonly Vouched[]): Binding {
  const statements = vouched.map(
    ({ identity: { audience, algorithm } }) =>
      new PolicyStatement({
        actions: ['sts:GetWebIdentityToken'],
        resources: ['*'],
        conditions: {
          'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': audience },
          StringEquals: { 'sts:SigningAlgorithm': algorithm },
          NumericLessThanEquals: { 'sts:DurationSeconds': WEB_IDENTITY_LIFE },
        },
      }),
  );
  const reason =
    'A token of the caller itself has no resource to name; its audience, algorithm and life are.';
  return {
    environment: {},
    statements,
    ...(vouched.length > 0 && { acknowledged: [{ id: 'AwsSolutions-IAM5[Resource::*]', reason }] }),
  };
}
