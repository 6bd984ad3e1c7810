/** `package.json` of the npm package: what its users need, and nothing of how it is developed. */
import { readFileSync } from 'node:fs';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const source = (path: string): Manifest => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

/** Loaded at run time, where the AWS credentials are not in the environment; everything else is compiled in. */
const CREDENTIALS = '@aws-sdk/credential-provider-node';

/** The first versions that have all that the construct uses (`Validations`, for one); a test runs it with them. */
export const LOWEST_CDK = { 'aws-cdk-lib': '2.270.0', constructs: '10.5.0' };

export function packageManifest() {
  const { name, version, description, license, dependencies } = source('../../package.json');
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=20.12' },
    bin: { 'token-broker': 'functions/cli/main.js' },
    exports: {
      '.': { types: './types/shared/client/index.d.ts', default: './client/index.js' },
      './testing': {
        types: './types/shared/client/testing/index.d.ts',
        default: './client/testing.js',
      },
      './cdk': { types: './types/infra/package/cdk.d.ts', default: './infra/cdk/index.js' },
      './openapi.json': './shared/contract/openapi.json',
      './connections.schema.json': './infra/connections.schema.json',
      './package.json': './package.json',
    },
    sideEffects: false,
    dependencies: { [CREDENTIALS]: `^${dependencies[CREDENTIALS]}` },
    peerDependencies: Object.fromEntries(
      Object.entries(LOWEST_CDK).map(([name, version]) => [name, `^${version}`]),
    ),
    peerDependenciesMeta: { 'aws-cdk-lib': { optional: true }, constructs: { optional: true } },
  };
}

/** Of the local program in it: what `token-broker dev` fetches when it is first asked for. */
export function localManifest() {
  const { engines, devDependencies } = source('../../package.json');
  const needed = ['classic-level', 'dynalite'] as const;
  const dependencies = Object.fromEntries(needed.map((name) => [name, devDependencies[name]]));
  return { private: true, type: 'module', engines, dependencies };
}
