/** `package.json` of the npm package: what its users need, and nothing of how it is developed. */
import { readFileSync } from 'node:fs';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

const source = (path: string): Manifest => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

/** Loaded at run time, where the AWS credentials are not in the environment; everything else is compiled in. */
const CREDENTIALS = '@aws-sdk/credential-provider-node';

export function packageManifest(): object {
  const { name, version, description, license, dependencies } = source('../../package.json');
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=20.3' },
    bin: { 'token-broker': 'functions/cli/main.js' },
    exports: {
      '.': { types: './types/shared/client/index.d.ts', default: './client/index.js' },
      './cdk': { types: './types/infra/package/cdk.d.ts', default: './infra/cdk/index.js' },
      './connections.schema.json': './infra/connections.schema.json',
      './package.json': './package.json',
    },
    sideEffects: false,
    dependencies: { [CREDENTIALS]: `^${dependencies[CREDENTIALS]}` },
    peerDependencies: {
      'aws-cdk-lib': `^${dependencies['aws-cdk-lib']}`,
      constructs: `^${dependencies.constructs}`,
    },
    peerDependenciesMeta: { 'aws-cdk-lib': { optional: true }, constructs: { optional: true } },
  };
}
