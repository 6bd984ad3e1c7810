/** The examples in the docstrings of what is public compile, against the package's own names. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, typeErrors } from './support/pages.ts';

const ENTRIES = ['shared/client/index.ts', 'infra/package/cdk.ts'];
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const sources = globSync(['shared/client/*.ts', 'infra/*.ts'], { cwd: ROOT });

test('every function and class that the package gives has an example', () => {
  const given = ENTRIES.flatMap((entry) =>
    [...text(entry).matchAll(/^export \{(.*?)\}/gms)].flatMap(([, names = '']) => names.split(',')),
  )
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '));
  expect(given).toEqual(
    expect.arrayContaining(['createTokenClient', 'TokenBrokerError', 'TokenBroker', 'OperatorError']),
  );
  const documented = new RegExp(
    `@example\n(?:(?!\\*/).)*\\*/\nexport (?:class|function) (${given.join('|')})\\b`,
    'gs',
  );
  const found = sources.flatMap((path) => [...text(path).matchAll(documented)].map(([, name]) => name));
  expect(found.sort()).toEqual(given.sort());
});

test('every example compiles', { timeout: 60_000 }, async () => {
  const examples = sources.flatMap((path) =>
    [...text(path).matchAll(/@example\n *\* ```ts\n(.*?)\n *\* ```/gs)].map(
      ([, lines = ''], index) => [`${path} ${index}`, lines.replaceAll(/^ *\* ?/gm, '')] as const,
    ),
  );
  expect(examples.length).toBeGreaterThan(8);
  expect(await typeErrors(new Map(examples))).toBe('');
});
