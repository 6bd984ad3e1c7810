/** The examples in the docstrings of what is public compile, against the package's own names. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, typeErrors } from './support/pages.ts';

const ENTRIES = ['shared/client/index.ts', 'shared/client/testing/index.ts', 'infra/package/cdk.ts'];
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const sources = globSync(
  ['shared/client/**/*.ts', 'shared/contract/messages.ts', 'shared/vendors/vendor.ts', 'infra/*.ts'],
  {
    cwd: ROOT,
  },
);

/** What the package gives, as its entries name it: types as well as functions and classes. */
const given = ENTRIES.flatMap((entry) =>
  [...text(entry).matchAll(/^export (?:type )?\{(.*?)\}/gms)].flatMap(([, names = '']) => names.split(',')),
)
  .map((name) => name.trim().replace(/^type /, ''))
  .filter((name) => name !== '');

/** The names whose docstring, right before their declaration, ends with an example. */
const exemplified = (declaration: string) =>
  sources.flatMap((path) =>
    [...text(path).matchAll(new RegExp(`@example\n(?:(?!\\*/).)*\\*/\n${declaration}`, 'gs'))].map(
      ([, name]) => name,
    ),
  );

test('everything that the package gives has an example', () => {
  expect(given).toEqual(
    expect.arrayContaining([
      'createTokenClient',
      'TokenBrokerError',
      'TokenOptions',
      'startFakeBroker',
      'TokenBroker',
      'Egress',
    ]),
  );
  const found = exemplified('export (?:class|(?:async )?function|interface|type) (\\w+)');
  expect(given.filter((name) => !found.includes(name))).toEqual([]);
});

test('every grant and role that the construct makes has an example', () => {
  const methods = [...text('infra/token-broker.ts').matchAll(/^ {2}((?:grant\w+|\w+Role))\(/gm)];
  expect(methods.length).toBeGreaterThan(4);
  const found = exemplified(' {2}(\\w+)\\(');
  expect(methods.map(([, name]) => name).filter((name) => !found.includes(name))).toEqual([]);
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
