import type { Plugin } from 'esbuild';
import type { Page } from './build-page.ts';

/** Compiles the finished page into a program, which then needs neither its sources nor esbuild. */
export function embeddedPage(page: Page): Plugin {
  const contents = `export const buildPage = async () => (${JSON.stringify({ ...page, inputs: [] })});`;
  return {
    name: 'embedded-page',
    setup: ({ onLoad }) => onLoad({ filter: /[\\/]console[\\/]build-page\.ts$/ }, () => ({ contents })),
  };
}
