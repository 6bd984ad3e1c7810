/** A stage is put before every fixed name, so that several brokers fit one account and Region. */
import { NAMES } from '../shared/contract/names.ts';
import { STAGE, STAGE_RULE, stagedSecret, stagePrefix } from '../shared/contract/stage.ts';
import { OperatorError } from './operator-error.ts';

export class Stage {
  /** Empty where there is none. */
  readonly label: string;
  readonly #prefix: string;

  /** @throws OperatorError when the stage could not be part of every name that it is put before */
  constructor(stage: string | undefined) {
    if (stage !== undefined && !STAGE.test(stage)) {
      throw new OperatorError(`The stage "${stage}" is not allowed: ${STAGE_RULE}.`);
    }
    this.label = stage ?? '';
    this.#prefix = stagePrefix(stage);
  }

  name(fixed: string): string {
    return `${this.#prefix}${fixed}`;
  }

  secretName(secret: string): string {
    return stagedSecret(secret, this.#prefix);
  }

  /** Whether a secret is one of the broker's own in this stage: those the stack makes, and no other stack's. */
  isOwnSecret(name: string): boolean {
    return name.startsWith(this.name(NAMES.defaultSecretPrefix));
  }

  /** `secretName`, undone. */
  secretWithoutStage(name: string): string {
    return this.isOwnSecret(name) ? name.slice(this.#prefix.length) : name;
  }
}
