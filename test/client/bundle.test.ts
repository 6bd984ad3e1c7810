import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** What a Lambda function of a team may grow by, in bytes. */
const LARGEST = 120_000;

test('a Lambda bundle grows by less than 120 KB, signing included', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export { createTokenClient } from './shared/client/index.ts';",
      resolveDir: new URL('../..', import.meta.url).pathname,
    },
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
  });
  const { length } = outputFiles[0]!.contents;
  console.log(`client: ${length} bytes`);
  expect(length).toBeLessThan(LARGEST);
});
