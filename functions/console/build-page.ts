/** The page, compiled from its sources. In what is compiled itself, another module stands here: `embedded-page.ts`. */
import { fileURLToPath } from 'node:url';

export interface Page {
  readonly script: string;
  readonly style: string;
  /** The files that went into it, from the repository's root. */
  readonly inputs: readonly string[];
}

export async function buildPage(): Promise<Page> {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    entryPoints: { page: 'functions/console/page/main.tsx' },
    outdir: 'page',
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    legalComments: 'none',
    platform: 'browser',
    format: 'esm',
    target: 'es2023',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  const text = (suffix: string) => outputFiles.find(({ path }) => path.endsWith(suffix))!.text;
  return { script: text('.js'), style: text('.css'), inputs: Object.keys(metafile.inputs) };
}
