import { inspect } from 'node:util';

/**
 * A value that must never be shown: client secret, private key, token, code, assertion.
 *
 * It prints as `[redacted]` through every road to text that JavaScript has (string conversion, JSON,
 * `util.inspect`, `console.log`); only `reveal()` gives the value, so that each place that handles
 * the plain text can be found by searching for that word.
 */
export class Redacted {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
