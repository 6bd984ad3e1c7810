/** The project's pages, read as what they are for their readers: commands to run, code to compile, links to follow. */
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = new URL('../..', import.meta.url).pathname;
const run = promisify(execFile);

/** Paths from the root of all Markdown in the project. */
export const PAGES: readonly string[] = globSync(['*.md', '{.github,functions,infra,shared,test}/**/*.md'], {
  // The bench installs packages of others.
  exclude: ['**/node_modules'],
  cwd: ROOT,
}).sort();

export const pageText = (page: string) => readFileSync(join(ROOT, page), 'utf8');

/** The contents of a page's fences of a language. */
export function snippets(page: string, language: string): string[] {
  const fences = pageText(page).matchAll(new RegExp(`^ {0,3}\`\`\`${language}\\n(.*?)^ {0,3}\`\`\``, 'gms'));
  return [...fences].map(([, text = '']) => text);
}

/**
 * Type-checks texts as files in the project's root, where packages resolve, `token-broker` included.
 * @returns what the compiler complains of; empty when nothing
 */
export async function typeErrors(texts: ReadonlyMap<string, string>): Promise<string> {
  await mkdir(join(ROOT, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, 'dist/snippets-'));
  try {
    const names = [...texts.keys()].map((origin) => `${origin.replaceAll(/[^\w.]+/g, '_')}.ts`);
    await Promise.all(
      [...texts.values()].map((text, index) =>
        writeFile(join(folder, names[index]!), `${text}\nexport {};\n`),
      ),
    );
    const config = { extends: join(ROOT, 'infra/tsconfig.json'), files: names, include: [] };
    // What an example declares it may leave for its reader to use.
    const compilerOptions = { noUnusedLocals: false };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, compilerOptions }));
    const { stdout } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
      (error: { stdout: string }) => error,
    );
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
