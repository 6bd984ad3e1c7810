/** Where client secrets are made: in nested stacks, since CloudFormation takes no more than 500 resources in one. */
import { createHash } from 'node:crypto';
import { NestedStack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { ClientSecret } from './secrets.ts';

/**
 * Fixed for good: with another number, secrets would move between stacks and be made twice. Each takes 250
 * secrets, so that a thousand fit however they fall.
 */
const STACKS = 8;

export class SecretStacks extends Construct {
  readonly #stacks = new Map<number, NestedStack>();

  /** By a hash of the name, so that a secret stays where it is whatever comes or goes beside it. */
  of({ id }: ClientSecret): Construct {
    const part = createHash('sha256').update(id).digest().readUInt32BE() % STACKS;
    const stack =
      this.#stacks.get(part) ??
      new NestedStack(this, `${part}`, {
        description: `Client secrets of the token broker, part ${part} of ${STACKS}`,
      });
    this.#stacks.set(part, stack);
    return stack;
  }
}
