/** One deployable file a function, made without a container. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { type AssetCode, Code } from 'aws-cdk-lib/aws-lambda';
import type { Connection } from '../../shared/connections/connection.ts';
import { CONNECTIONS_FILE, VENDORS_FILE } from '../../shared/contract/names.ts';
import { build } from './build.ts';
import { BUNDLE_FILE, type Bundle, type Program } from './programs.ts';

export { BUNDLE_FILE, PROGRAMS, type Program } from './programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One build serves every stack of a process: a bundle depends on the sources alone. */
const built = new Map<Program, Bundle>();

export function bundle(program: Program): Bundle {
  const done = built.get(program) ?? build(program);
  built.set(program, done);
  return done;
}

/** What travels beside a bundle, for functions that call vendors. */
export interface Luggage {
  /** The environment's 4 KB do not hold them. */
  readonly connections: readonly Connection[];
  /** JavaScript of the vendors that the deployment brings along, by name. */
  readonly vendors: Readonly<Record<string, string>>;
}

export function codeOf(program: Program, luggage: Luggage | undefined): AssetCode {
  const files = luggage ? filesOf(luggage) : {};
  const tryBundle = (outputDir: string): boolean => {
    writeFileSync(join(outputDir, BUNDLE_FILE), bundle(program).code);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(outputDir, name), text);
    return true;
  };
  return Code.fromAsset(join(root, 'functions'), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local: { tryBundle },
      // CDK wants an image for when the local way fails, which it never does by answering false. It also takes
      // two assets of one folder for the same unless their options differ, hence the command.
      image: DockerImage.fromRegistry('none'),
      command: [program, JSON.stringify(files)],
    },
  });
}

function filesOf({ connections, vendors }: Luggage): Record<string, string> {
  const modules = Object.entries(vendors).map(([name, source]) => [`vendor-${name}.mjs`, source]);
  const exported = Object.keys(vendors).map(
    (name) => `export { default as '${name}' } from './vendor-${name}.mjs';\n`,
  );
  return {
    [CONNECTIONS_FILE]: JSON.stringify(connections),
    ...(modules.length > 0 && { [VENDORS_FILE]: exported.join(''), ...Object.fromEntries(modules) }),
  };
}
