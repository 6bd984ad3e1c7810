/**
 * Attacks by chance. A target is what anybody can send to one door of the broker, and what must hold of the answer.
 * What has broken a target once is kept in `corpus.json`, under the target's name, and tried first in every run.
 * The same inputs come every time, so that what fails fails again: `FUZZ_SEED=random` (or a number) brings others.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';

export interface Target<Input = never> {
  readonly name: string;
  readonly inputs: fc.Arbitrary<Input>;
  /** Throws where the door does what it must not. Its input may hold `CANARY`, which nothing that is shown may. */
  readonly check: (input: Input) => void | Promise<void>;
}

/** Part of every secret that is sent; long, so that a cut-off piece is recognised too. */
export const CANARY = 'CANARY-7f3d9c';

const { FUZZ_SEED = '1' } = process.env;

const CORPUS = new URL('corpus.json', import.meta.url);
type Corpus = Readonly<Record<string, readonly unknown[]>>;

/** @throws Error with the smallest input that breaks the target, which the corpus then holds */
export async function attack<Input>({ name, inputs, check }: Target<Input>, cases: number): Promise<void> {
  const corpus = JSON.parse(readFileSync(CORPUS, 'utf8')) as Corpus;
  const known = corpus[name] ?? [];
  const property = fc.asyncProperty(inputs, async (input) => {
    await check(input);
  });
  const details = await fc.check(property, {
    numRuns: cases,
    ...(FUZZ_SEED !== 'random' && { seed: Number(FUZZ_SEED) }),
    examples: known.map((input): [Input] => [input as Input]),
  });
  if (!details.failed) return;
  const [input] = details.counterexample ?? [];
  if (input !== undefined && !known.some((each) => JSON.stringify(each) === JSON.stringify(input))) {
    writeFileSync(CORPUS, `${JSON.stringify({ ...corpus, [name]: [...known, input] }, undefined, 2)}\n`);
  }
  throw new Error(await fc.asyncDefaultReportMessage(details));
}

/** What `act` gives, or the error that it fails with, which must be of these classes and show nothing that was sent. */
export async function outcomeOf<T>(
  act: () => T | Promise<T>,
  ...expected: readonly (abstract new (
    ...args: never[]
  ) => Error)[]
): Promise<{ value: T } | { error: Error }> {
  try {
    return { value: await act() };
  } catch (error) {
    if (!(error instanceof Error) || !expected.some((kind) => error instanceof kind)) throw error;
    const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
    if (shown.includes(CANARY)) throw new Error(`It shows what was sent: ${shown.slice(0, 500)}`);
    assert.ok(error.message.length <= 4_096, 'it tells too much');
    return { error };
  }
}

/** A text as attackers write them: long, cut, encoded twice, from other alphabets. */
export const nasty: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 24 }),
  fc.string({ maxLength: 24 }),
  fc.constantFrom(
    ...[
      '',
      '.',
      '..',
      '%',
      '%00',
      '%2e%2e',
      '%2F',
      '%252f',
      '\\',
      '//',
      '/../',
      '\0',
      '\r\n',
      '\u2028',
      '\uD800',
    ],
    ...['__proto__', 'constructor', 'toString', '*', '<script>', "' OR 1=1", '-1', '1e999', 'NaN', 'null'],
    ...['\u202E', '\u009B', 'é', 'e\u0301', '\uFF0E\uFF0E', 'default', 'logs', CANARY, 'a'.repeat(5_000)],
  ),
);

/** As it arrives in a request line or a header: Node reads bytes, each as one character. */
export const onTheWire: fc.Arbitrary<string> = nasty.map((text) => Buffer.from(text).toString('latin1'));

/** JSON that has some of these members, with values of any kind. */
export function documents(names: readonly string[]): fc.Arbitrary<unknown> {
  const value = fc.oneof(nasty, fc.double(), fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 3 }));
  // Names are told, so that a mistake is found: secrets are values.
  const name = fc.oneof(
    fc.constantFrom(...names),
    nasty.filter((each) => each !== CANARY),
  );
  const named = fc.dictionary(name, value, { maxKeys: 8 });
  return fc.oneof({ weight: 8, arbitrary: named }, { weight: 1, arbitrary: fc.jsonValue() });
}
