import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';

/** What a Lambda function of a team may grow by, in bytes. */
const LARGEST = 120_000;

async function bundled(source: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: new URL('../..', import.meta.url).pathname },
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
  });
  return outputFiles[0]!.contents;
}

test('a Lambda bundle grows by less than 120 KB, signing included', async () => {
  const { length } = await bundled("export { createTokenClient } from 'token-broker';");
  console.log(`client: ${length} bytes`);
  expect(length).toBeLessThan(LARGEST);
});

test('a bundle alone, without credentials in the environment, says what is missing', async () => {
  const source = `import { createTokenClient } from 'token-broker';
    const client = createTokenClient({ endpoint: 'https://broker.example.com' }, { region: 'eu-west-1' });
    client.token('crash').catch(({ code, message }) => console.log(code, message));`;
  const folder = await mkdtemp(join(tmpdir(), 'token-broker-bundle-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'index.mjs');
  await writeFile(file, await bundled(source));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env: {} });
  expect(stdout).toMatch(/^no_credentials .*@aws-sdk\/credential-provider-node.* is not installed beside/);
});
