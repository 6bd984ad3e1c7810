/** What a deployment is told with `-c NAME=VALUE` or in `cdk.json`. */
import type { Construct } from 'constructs';
import { didYouMean } from '../shared/contract/suggest.ts';
import { OperatorError } from './operator-error.ts';

/**
 * Values come as text from `-c`, and as JSON from `cdk.json`. What is wrong is gathered, so that it is told at
 * once; what was never asked for is wrong too: CDK itself takes any name, and nobody would read it.
 */
export class Context {
  readonly #scope: Construct;
  readonly #asked = new Set<string>();
  readonly #problems = new Set<string>();

  constructor(scope: Construct) {
    this.#scope = scope;
  }

  text(name: string): string | undefined {
    this.#asked.add(name);
    const value: unknown = this.#scope.node.tryGetContext(name);
    return value === undefined || value === '' ? undefined : String(value);
  }

  list(name: string): string[] | undefined {
    return this.text(name)?.split(',');
  }

  matching(name: string, pattern: RegExp, allowed: string): string | undefined {
    const text = this.text(name);
    return text === undefined || pattern.test(text) ? text : this.refuse(name, allowed);
  }

  arn(name: string): string | undefined {
    return this.matching(name, /^arn:[^:]+(?::[^:]*){3}:./, 'an ARN');
  }

  count(name: string): number | undefined {
    const text = this.matching(name, /^[1-9][0-9]{0,5}$/, 'a whole number above 0');
    return text === undefined ? undefined : Number(text);
  }

  flag(name: string): boolean | undefined {
    const value = this.choice(name, ['true', 'false']);
    return value === undefined ? undefined : value === 'true';
  }

  choice<const T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    const found = allowed.find((value) => value === text);
    return text === undefined || found !== undefined ? found : this.refuse(name, allowed.join(', '));
  }

  /** Of two values that need each other at least one is missing, which is fine only if both are. */
  together(one: unknown, other: unknown, names: string): undefined {
    if (one !== other) this.#problems.add(`The context values ${names} go together.`);
  }

  refuse(name: string, allowed: string): undefined {
    this.#problems.add(`The context value ${name}=${this.text(name)} is not allowed: ${allowed}.`);
  }

  /** @throws OperatorError with everything that is wrong */
  refuseProblems(): void {
    const problems = [...this.#problems, ...this.#unknown()];
    if (problems.length > 0) throw new OperatorError(problems.join('\n'));
  }

  /** CDK's own names, of feature flags and of what it has looked up, have a colon or an `@` in them. */
  #unknown(): string[] {
    const known = [...this.#asked];
    const given: Record<string, unknown> = this.#scope.node.getAllContext();
    return Object.keys(given)
      .filter((name) => !/[:@]/.test(name) && !this.#asked.has(name))
      .map((name) => `There is no context value ${name}${didYouMean(name, known)}.`);
  }
}
