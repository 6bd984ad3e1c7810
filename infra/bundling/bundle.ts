/** One deployable file a function, made by esbuild without a container. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { type AssetCode, Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync, type Metafile } from 'esbuild';
import { CONNECTIONS_FILE } from '../../shared/environment.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The functions' programs, by the stem of their file in `functions/`. */
export const PROGRAMS = ['token-https', 'token-invoke', 'callback', 'refresh', 'sealing-key'] as const;
export type Program = (typeof PROGRAMS)[number];

export interface Bundle {
  readonly code: Uint8Array;
  /** Bytes that each input file has in the bundle. */
  readonly inputs: Readonly<Record<string, number>>;
}

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

function build(program: Program): Bundle {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [`functions/${program}.lambda.ts`],
    outfile: 'index.mjs',
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // ES modules first: they shake; the default for Node takes the larger CommonJS builds.
    mainFields: ['module', 'main'],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    // Lambda always gives credentials in the environment; the whole provider chain costs 135 KB and cold start.
    alias: { '@aws-sdk/credential-provider-node': './infra/bundling/credentials.ts' },
    logLevel: 'silent',
  });
  return { code: outputFiles[0]!.contents, inputs: sizes(metafile) };
}

function sizes({ outputs }: Metafile): Record<string, number> {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  return Object.fromEntries(inputs.map(([file, { bytesInOutput }]) => [file, bytesInOutput]));
}
