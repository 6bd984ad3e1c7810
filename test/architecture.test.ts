import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Who may import whom. A path that ends in `/` is all that is below it, else it is that file. */
const CONTRACT = ['shared/contract/'];
const BASE = [...CONTRACT, 'shared/connections/'];
const BROKER = ['shared/oauth/', 'type shared/vendors/vendor.ts', ...BASE];
/** What every room of the broker may use: the files that stand in none. */
const HALL = globSync('shared/broker/*.ts', { cwd: new URL('..', import.meta.url).pathname });
const ROOMS = ['vendor', 'tokens', 'grants', 'consent'];
/** The simulator is a product of its own: its server is its only door, and it needs nothing of the broker's programs. */
const SIMULATOR = 'functions/simulator/';
/** The console's page, and what makes it a file. */
const PAGE = 'functions/console/page/';
const PAGE_BUILD = ['functions/console/build-page.ts', 'functions/console/embedded-page.ts'];
const PROGRAMS = globSync('functions/*', {
  cwd: new URL('..', import.meta.url).pathname,
  withFileTypes: true,
})
  .map((entry) => `functions/${entry.name}${entry.isDirectory() ? '/' : ''}`)
  .filter((place) => place !== SIMULATOR);
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'shared/contract/': CONTRACT,
  'shared/connections/': BASE,
  'shared/oauth/': ['shared/oauth/', ...BASE],
  'shared/vendors/': ['shared/vendors/', 'shared/oauth/', ...BASE],
  // The rooms of the broker, each on those before it.
  ...Object.fromEntries(
    ROOMS.map((room, index) => [
      `shared/broker/${room}/`,
      [...ROOMS.slice(0, index + 1).map((each) => `shared/broker/${each}/`), ...HALL, ...BROKER],
    ]),
  ),
  'shared/broker/': [...HALL, ...BROKER],
  'shared/aws/': ['shared/aws/', 'type shared/broker/ports.ts', 'shared/oauth/', ...BASE],
  'shared/client/': ['shared/client/', ...CONTRACT],
  [SIMULATOR]: [SIMULATOR, 'functions/html.ts', 'type shared/oauth/types.ts', ...BASE],
  // Runs in browsers: of everything else only what needs no Node.js.
  [PAGE]: [
    PAGE,
    'functions/console/messages.ts',
    'functions/cli/failure.ts',
    'functions/cli/words.ts',
    'type functions/cli/doctor/check.ts',
    'type shared/broker/events.ts',
    'type shared/client/errors.ts',
    ...CONTRACT,
  ],
  'functions/': [...PROGRAMS, `${SIMULATOR}server.ts`, 'shared/'],
  // The package has the console's page compiled in.
  'infra/package/pack.ts': ['infra/', ...PAGE_BUILD],
  // What stands in for the SDK's clients must be what the broker asks of them.
  'infra/bundling/services/': ['infra/bundling/', 'type shared/aws/clients.ts'],
  // Vendors, because their rules check the connections at synth.
  'infra/': ['infra/', 'shared/vendors/', ...BASE],
  'test/': ['test/', 'functions/', 'infra/', 'shared/', 'package.json'],
};

/** Packages that speak to AWS, and who may import them. */
const AWS_PACKAGE = /^(?:@(?:aws-sdk|smithy|aws-crypto)\/|aws4fetch$)/;
const SPEAKS_TO_AWS = ['shared/aws/', 'functions/local/', 'infra/', 'test/'];
/** Callers sign their own requests, in few bytes. */
const SIGNING_PACKAGE = /^(?:aws4fetch$|@aws-sdk\/credential-provider)/;

/** The only places that turn a secret into text: to send it, to seal it, or to answer with it. */
const REVEALS = [
  'shared/contract/redacted.ts',
  'shared/oauth/',
  'shared/aws/',
  // What is redeemed at a token endpoint: a refresh token, a device code.
  'shared/broker/grants/refresh.ts',
  'shared/broker/consent/device.ts',
  // What a person is to type at the vendor.
  'shared/broker/consent/page.ts',
  // The token answer.
  'functions/token-answer.ts',
  'test/',
];

interface SourceFile {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}
interface Import {
  readonly type: boolean;
  /** A path from the root, or a package. */
  readonly target: string;
}

function importsOf({ path, text }: SourceFile): Import[] {
  const declared = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";]*?\bfrom\s+)?'([^']+)'/gm);
  const called = text.matchAll(/\bimport\(\s*()['"`]([^'"`]+)['"`]/g);
  return [...declared, ...called].map(([, type, specifier = '']) => ({
    type: Boolean(type),
    target: specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier,
  }));
}

const isIn = (path: string, places: readonly string[]) =>
  places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));

const isLocal = ({ target }: Import) => /^(?:shared|functions|infra|test)\/|^[\w-]+\.json$/.test(target);

function violationsOf(file: SourceFile): string[] {
  const { path, text } = file;
  const imports = importsOf(file);
  const places = Object.entries(MAY_IMPORT).find(([place]) => isIn(path, [place]))?.[1];
  if (!places) return [`${path} has no place in the layout`];
  const forTypes = places.flatMap((place) => (place.startsWith('type ') ? [place.slice(5)] : []));
  const violations = imports
    .filter(isLocal)
    .filter(({ target, type }) => !isIn(target, places) && !(type && isIn(target, forTypes)))
    .map(({ target, type }) => `${path} may not import ${type ? 'the types of ' : ''}${target}`);
  for (const { target } of imports.filter(({ target }) => AWS_PACKAGE.test(target))) {
    const signs = isIn(path, ['shared/client/']) && SIGNING_PACKAGE.test(target);
    if (!signs && !isIn(path, SPEAKS_TO_AWS)) violations.push(`${path} may not import ${target}`);
  }
  const sees = (place: string) => imports.some(({ target }) => isIn(target, [place]));
  const composes = isIn(path, ['functions/compose.ts', 'test/']);
  if (sees('shared/aws/') && sees('shared/vendors/index.ts') && !composes) {
    violations.push(`${path} may not see both shared/aws and shared/vendors/index.ts`);
  }
  if (/\.reveal\b/.test(text) && !isIn(path, REVEALS)) violations.push(`${path} may not reveal secrets`);
  return violations;
}

const root = new URL('..', import.meta.url).pathname;
const files = globSync('{shared,functions,infra,test}/**/*.{ts,tsx}', {
  cwd: root,
  exclude: ['**/node_modules'],
}).map((path): SourceFile => ({ path, text: readFileSync(join(root, path), 'utf8') }));

test('every file imports only what the layout allows it', () => {
  expect(files.flatMap(violationsOf)).toEqual([]);
});

test('every import is seen: each leads to a file, and the ones known to be there are found', () => {
  const targets = files.flatMap(importsOf).filter(isLocal);
  expect(targets.filter(({ target }) => !existsSync(join(root, target)))).toEqual([]);
  const parse = files.find(({ path }) => path === 'shared/connections/parse.ts')!;
  expect(importsOf(parse)).toContainEqual({ type: true, target: 'shared/connections/connection.ts' });
  expect(importsOf(parse)).toContainEqual({ type: false, target: 'shared/connections/rules.ts' });
});

test('every package that is imported is named in package.json, and not just there because another needs it', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  const packages = files
    .flatMap(importsOf)
    .map(({ target }) => /^(?:@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? '')
    .filter((name) => existsSync(join(root, 'node_modules', name, 'package.json')));
  expect(packages).toContain('@smithy/core');
  expect([...new Set(packages)].filter((name) => !named.includes(name))).toEqual([]);
});

/** Types count as well: files that cannot be read one without the other are one file. `[a, b, a]` each. */
function circlesAmong(files: readonly SourceFile[]): string[][] {
  const targets = new Map(files.map((file) => [file.path, importsOf(file).map(({ target }) => target)]));
  const circles: string[][] = [];
  const done = new Set<string>();
  const follow = (path: string, from: readonly string[]): void => {
    const start = from.indexOf(path);
    if (start >= 0) circles.push([...from.slice(start), path]);
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) follow(target, [...from, path]);
    done.add(path);
  };
  for (const path of targets.keys()) follow(path, []);
  return circles;
}

test('no imports go in a circle, and one that is planted is found', () => {
  const shipped = files.filter(({ path }) => !path.startsWith('test/'));
  expect(circlesAmong(shipped)).toEqual([]);
  const planted: SourceFile[] = [
    { path: 'shared/oauth/a.ts', text: "import type { B } from './b.ts';" },
    { path: 'shared/oauth/b.ts', text: "import { c } from './c.ts';" },
    { path: 'shared/oauth/c.ts', text: "export { a } from './a.ts';" },
  ];
  const [a, b, c] = planted.map(({ path }) => path);
  expect(circlesAmong([...shipped, ...planted])).toEqual([[a, b, c, a]]);
});

describe('a planted violation is found', () => {
  test.each([
    ['shared/contract/errors.ts', "import { a } from '../oauth/token.ts';"],
    ['shared/connections/x.ts', "import type { a } from '../broker/ports.ts';"],
    ['shared/oauth/x.ts', "import { custom } from '../vendors/custom.ts';"],
    ['shared/vendors/x.ts', "import type { Clock } from '../aws/table.ts';"],
    ['shared/broker/x.ts', "import {\n  a,\n  b,\n} from '../aws/table.ts';"],
    ['shared/broker/x.ts', "import { bits } from '../vendors/bits.ts';"],
    ['shared/broker/x.ts', "import type { bits } from '../vendors/bits.ts';"],
    ['shared/broker/x.ts', "import { type Vendor } from '../vendors/vendor.ts';"],
    ['shared/broker/x.ts', "import { DynamoDBClient } from '@aws-sdk/client-dynamodb';"],
    ['shared/broker/x.ts', "const aws = await import('../aws/table.ts');"],
    ['shared/broker/x.ts', 'console.log(token.reveal());'],
    ['shared/broker/x.ts', "export * from '../aws/table.ts';"],
    ['shared/aws/x.ts', "import { resolver } from '../broker/resolve.ts';"],
    ['shared/aws/x.ts', "import { a } from '../broker/ports.ts';"],
    ['shared/client/x.ts', "import { parse } from '../connections/parse.ts';"],
    ['shared/client/x.ts', "import { DynamoDBClient } from '@aws-sdk/client-dynamodb';"],
    ['infra/x.ts', "import '../functions/compose.ts';"],
    ['infra/x.ts', "import type { Token } from '../shared/oauth/token.ts';"],
    ['functions/x.ts', "import { a } from '../test/support/a.ts';"],
    [
      'functions/x.ts',
      "import { a } from '../shared/aws/a.ts';\nimport { VENDORS } from '../shared/vendors/index.ts';",
    ],
    ['shared/client/x.ts', "import { SignatureV4 } from '@smithy/signature-v4';"],
    ['functions/token-https.lambda.ts', "import { SignatureV4 } from '@smithy/signature-v4';"],
    ['functions/cli/x.ts', "import { AwsV4Signer } from 'aws4fetch';"],
    ['functions/local/x.ts', "import { control } from '../simulator/control.ts';"],
    ['functions/console/page/x.tsx', "import { serve } from '../../local/http.ts';"],
    ['functions/console/page/x.tsx', "import { Activity } from '../activity.ts';"],
    ['functions/simulator/x.ts', "import { serve } from '../local/http.ts';"],
    ['shared/util.ts', ''],
  ])('in %s: %s', (path, text) => {
    expect(violationsOf({ path, text })).toHaveLength(1);
  });

  test('and what is allowed is not', () => {
    const allowed: SourceFile[] = [
      { path: 'shared/broker/x.ts', text: "import type { Vendor } from '../vendors/vendor.ts';" },
      { path: 'shared/aws/x.ts', text: "import type { Grant } from '../broker/ports.ts';\na.reveal();" },
      { path: 'shared/client/x.ts', text: "import { AwsV4Signer } from 'aws4fetch';" },
      {
        path: 'functions/compose.ts',
        text: "import { a } from '../shared/aws/a.ts';\nimport { VENDORS } from '../shared/vendors/index.ts';",
      },
    ];
    expect(allowed.flatMap(violationsOf)).toEqual([]);
  });
});
