/** A stage is put before every fixed name as `STAGE-`, so that several brokers fit one account and Region. */
import { SERVICE } from './metrics.ts';
import { NAMES } from './names.ts';

/** So that it can be part of every name that it is put before. */
export const STAGE = /^[a-z][a-z0-9-]{0,15}$/;
export const STAGE_RULE = '1 to 16 lower-case letters, digits and hyphens, a letter first';

/** What stands before every fixed name of a stage's broker: nothing where there is no stage. */
export function stagePrefix(stage: string | undefined): string {
  return stage === undefined ? '' : `${stage}-`;
}

/** The prefix of the broker whose stack has this name (`dev-` of `dev-token-broker`); `undefined`: it is no broker's. */
export function prefixOfStack(stack: string): string | undefined {
  if (stack === SERVICE) return stagePrefix(undefined);
  const stage = stack.endsWith(`-${SERVICE}`) ? stack.slice(0, -SERVICE.length - 1) : '';
  return STAGE.test(stage) ? stagePrefix(stage) : undefined;
}

/** Of the KMS key that the stack makes for a connection. */
export function signingKeyAlias(prefix: string, connection: string): string {
  return `alias/${prefix}${NAMES.defaultSecretPrefix}${connection}`;
}

/**
 * A client secret's name: those under `token-broker/` are the broker's own and get the stage, others are
 * the team's and stay. ARNs name one secret wherever they are written.
 */
export function stagedSecret(secret: string, prefix: string): string {
  return secret.startsWith(NAMES.defaultSecretPrefix) ? prefix + secret : secret;
}
