import { fileURLToPath } from 'node:url';
import { buildSync, type Metafile } from 'esbuild';
import { BUNDLE_FILE, type Bundle, type Program } from './programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** From the sources, by esbuild. In the npm package another module stands here, as it has no sources. */
export function build(program: Program): Bundle {
  return bundleOf(`functions/${program}.lambda.ts`);
}

/** @param entry a module's path in this repository */
export function bundleOf(entry: string): Bundle {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: BUNDLE_FILE,
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node24',
    // An ES module that imports a built-in touches all of it: node:http then loads the whole of undici.
    format: 'cjs',
    // The SDK's own `import('node:http')` would make that facade at the first request.
    supported: { 'dynamic-import': false },
    banner: {
      js: "const __moduleUrl=require('node:url').pathToFileURL(__filename).href,__crypto=require('node:crypto');",
    },
    define: {
      'import.meta.url': '__moduleUrl',
      // To touch one of these globals is to load it, and all that it consists of. Whatever has `crypto` is in the module
      // as well; that a body is a browser's stream, or that this is a browser, is asked only to be denied.
      crypto: '__crypto',
      ReadableStream: 'undefined',
      navigator: 'undefined',
    },
    // ES modules first: they shake; the default for Node takes the larger CommonJS builds.
    mainFields: ['module', 'main'],
    alias: {
      // Lambda always gives credentials in the environment; the whole provider chain costs 135 KB and cold start.
      '@aws-sdk/credential-provider-node': './infra/bundling/credentials.ts',
      '@aws-sdk/client-dynamodb': './infra/bundling/services/dynamodb.ts',
      '@aws-sdk/client-secrets-manager': './infra/bundling/services/secrets-manager.ts',
      '@smithy/core/config': './infra/bundling/configuration.ts',
      '@smithy/core/endpoints': './infra/bundling/endpoints.ts',
      'node:fs/promises': './infra/bundling/files.ts',
      '@smithy/core/event-streams': './infra/bundling/unused.ts',
    },
    logLevel: 'silent',
  });
  return { code: outputFiles[0]!.contents, inputs: sizes(metafile) };
}

function sizes({ outputs }: Metafile): Record<string, number> {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  return Object.fromEntries(inputs.map(([file, { bytesInOutput }]) => [file, bytesInOutput]));
}
