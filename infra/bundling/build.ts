import { fileURLToPath } from 'node:url';
import { buildSync, type Metafile } from 'esbuild';
import type { Bundle, Program } from './programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** From the sources, by esbuild. In the npm package another module stands here, as it has no sources. */
export function build(program: Program): Bundle {
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
