import type { Acknowledgment } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { EnvironmentName } from '../shared/contract/names.ts';

/**
 * What a resource gives a function: the variables that name it together with the permissions on it, so that
 * nobody can grant without wiring, or wire without granting.
 */
export interface Binding {
  readonly environment: Partial<Record<EnvironmentName, string>>;
  readonly statements: readonly PolicyStatement[];
  /** Why a statement that a security review stops at is as it is. */
  readonly acknowledged?: readonly Acknowledgment[];
}
