/** One deployable file a function, made without a container. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { type AssetCode, Code } from 'aws-cdk-lib/aws-lambda';
import { CONNECTIONS_FILE } from '../../shared/contract/names.ts';
import { build } from './build.ts';
import type { Bundle, Program } from './programs.ts';

export { PROGRAMS, type Program } from './programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One build serves every stack of a process: a bundle depends on the sources alone. */
const built = new Map<Program, Bundle>();

export function bundle(program: Program): Bundle {
  const done = built.get(program) ?? build(program);
  built.set(program, done);
  return done;
}

/**
 * @param connections text of the connections file that travels beside the bundle, because the environment's
 * 4 KB do not hold it; absent where the function needs none
 */
export function codeOf(program: Program, connections: string | undefined): AssetCode {
  const tryBundle = (outputDir: string): boolean => {
    writeFileSync(join(outputDir, 'index.mjs'), bundle(program).code);
    if (connections !== undefined) writeFileSync(join(outputDir, CONNECTIONS_FILE), connections);
    return true;
  };
  return Code.fromAsset(join(root, 'functions'), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local: { tryBundle },
      // CDK wants an image for when the local way fails, which it never does by answering false. It also takes
      // two assets of one folder for the same unless their options differ, hence the command.
      image: DockerImage.fromRegistry('none'),
      command: [program, connections ?? ''],
    },
  });
}
