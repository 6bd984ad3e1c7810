/** A stage is put before every fixed name, so that several brokers fit one account and Region. */
import { NAMES } from '../shared/contract/names.ts';
import { OperatorError } from './operator-error.ts';

/** So that it could be part of every name that it is put before. */
export const STAGE = /^[a-z][a-z0-9-]{0,15}$/;
export const STAGE_RULE = '1 to 16 lower-case letters, digits and hyphens, a letter first';

export class Stage {
  readonly #prefix: string;

  /** @throws OperatorError when the stage could not be part of every name that it is put before */
  constructor(stage: string | undefined) {
    if (stage !== undefined && !STAGE.test(stage)) {
      throw new OperatorError(`The stage "${stage}" is not allowed: ${STAGE_RULE}.`);
    }
    this.#prefix = stage === undefined ? '' : `${stage}-`;
  }

  name(fixed: string): string {
    return `${this.#prefix}${fixed}`;
  }

  /**
   * A client secret's name: those under `token-broker/` are the broker's own and get the stage, others are
   * the team's and stay. ARNs name one secret wherever they are written.
   */
  secretName(secret: string): string {
    return secret.startsWith(NAMES.defaultSecretPrefix) ? this.name(secret) : secret;
  }

  /** `secretName`, undone. */
  secretWithoutStage(name: string): string {
    const ours = name.startsWith(`${this.#prefix}${NAMES.defaultSecretPrefix}`);
    return ours ? name.slice(this.#prefix.length) : name;
  }
}
