/** `npm run pack`: an installable npm package in `dist/`, compiled, because Node.js runs no TypeScript in node_modules. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { buildPage } from '../../functions/console/build-page.ts';
import { embeddedPage } from '../../functions/console/embedded-page.ts';
import { bundle, PROGRAMS } from '../bundling/bundle.ts';
import { billOfMaterials, licensesOf, packagesIn } from './compiled-in.ts';
import { localManifest, packageManifest } from './manifest.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'dist/package');

rmSync(folder, { recursive: true, force: true });
const manifest = packageManifest();
write('package.json', `${JSON.stringify(manifest, undefined, 2)}\n`);
for (const file of [
  'LICENSE',
  'API.md',
  'CHANGELOG.md',
  'infra/connections.schema.json',
  'shared/contract/openapi.json',
])
  copy(file);
// Its own: the repository's shows commands that only a checkout has.
copy('infra/package/README.md', 'README.md');
const bundles = PROGRAMS.map((program) => ({ program, ...bundle(program) }));
for (const { program, code } of bundles) write(`functions/${program}.cjs`, code);
const page = await buildPage();
const local = localManifest();
write('functions/local/package.json', `${JSON.stringify(local, undefined, 2)}\n`);
const inject = ['infra/package/url-parse.ts', 'infra/package/builtin-module.ts'];
const compiled = await Promise.all([
  compile('shared/client/index.ts', 'client/index.js'),
  compile('shared/client/testing/index.ts', 'client/testing.js'),
  compile('functions/cli/main.ts', 'functions/cli/main.js', { inject, plugins: [embeddedPage(page)] }),
  compile('functions/local/main.ts', 'functions/local/main.js', {
    inject,
    external: Object.keys(local.dependencies),
    plugins: [embeddedPage(page)],
  }),
  compile('infra/package/cdk.ts', 'infra/cdk/index.js', {
    inject,
    external: ['aws-cdk-lib', 'constructs'],
    plugins: [prebuilt()],
  }),
]);
const packages = packagesIn(
  [...compiled.flat(), ...page.inputs, ...bundles.flatMap(({ inputs }) => Object.keys(inputs))],
  root,
);
write('THIRD-PARTY-LICENSES.md', licensesOf(packages));
write('sbom.cdx.json', billOfMaterials(manifest, packages));
declare();
const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', '..'], {
  cwd: folder,
  encoding: 'utf8',
});
const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
console.log(join('dist', filename));

/** Resolves to the files that went into it. */
async function compile(entry: string, outfile: string, options: BuildOptions = {}): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(folder, outfile),
    bundle: true,
    metafile: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // ES modules first: they shake, which keeps the client small in whatever its users bundle.
    mainFields: ['module', 'main'],
    legalComments: 'none',
    logLevel: 'warning',
    ...options,
  });
  return Object.keys(metafile?.inputs ?? {});
}

/** The package has the functions' bundles, and no sources to build them from. */
function prebuilt(): Plugin {
  const path = join(root, 'infra/package/prebuilt.ts');
  return {
    name: 'prebuilt',
    setup: ({ onResolve }) => onResolve({ filter: /^\.\/build\.ts$/ }, () => ({ path })),
  };
}

/** A declaration names its neighbours as the sources do, `x.ts`; in the package they are `x.d.ts`, for which it says `x.js`. */
function declare(): void {
  execFileSync('tsc', ['-p', join(root, 'infra/package')], { cwd: root, stdio: 'inherit' });
  for (const file of globSync('types/**/*.d.ts', { cwd: folder })) {
    const text = readFileSync(join(folder, file), 'utf8');
    write(file, text.replaceAll(/(from |import\()(['"])(\.[^'"]+)\.ts\2/g, '$1$2$3.js$2'));
  }
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

function copy(path: string, to = path): void {
  mkdirSync(dirname(join(folder, to)), { recursive: true });
  copyFileSync(join(root, path), join(folder, to));
}
