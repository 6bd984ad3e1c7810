/** Every example that the client's page shows runs, where its runtime is present, against the local broker. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAIN } from '../cli/support.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { pageText, ROOT, snippets } from '../support/pages.ts';

const here = new URL('.', import.meta.url).pathname;
const runFile = promisify(execFile);
const isPresent = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;

let broker: LocalBrokerProcess;
/** Holds the command, as `npm install --global` would put it on the path, and what a job's checkout has. */
let folder: string;
let environment: Record<string, string>;

beforeAll(async () => {
  [broker, folder] = await Promise.all([
    startLocalBrokerProcess(),
    mkdtemp(join(tmpdir(), 'token-broker-examples-')),
  ]);
  await executable('token-broker', `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await executable('upload-symbols.sh', '#!/bin/sh\ntest -n "$BUGSPLAT_TOKEN" && echo uploaded\n');
  environment = {
    ...(process.env as Record<string, string>),
    PATH: `${folder}:${process.env.PATH}`,
    TOKEN_BROKER_ENDPOINT: broker.url,
    AWS_ENDPOINT_URL: broker.awsUrl,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    BITS_API: /bits (http:\S+?),?\s/.exec(broker.output())![1]!,
    PORT: '0',
  };
});
afterAll(async () => {
  await broker?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function executable(name: string, content: string) {
  await writeFile(join(folder, name), content);
  await chmod(join(folder, name), 0o755);
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await runFile(command, args, { cwd: folder, env: environment });
  return stdout;
}

test('lambda.ts answers with what the vendor says', async () => {
  const script = `import(${JSON.stringify(join(here, 'lambda.ts'))}).then(async ({ handler }) => console.log(await handler()))`;
  expect(await run(process.execPath, '-e', script)).toMatch(/^\{ customer: '\S+' \}\n$/);
});

test('service.ts passes on what the vendor says', async () => {
  const child = spawn(process.execPath, [join(here, 'service.ts')], { env: environment });
  const [printed] = (await once(child.stdout, 'data')) as [Buffer];
  const response = await fetch(`http://127.0.0.1:${/port: (\d+)/.exec(printed.toString())![1]}/`);
  expect(await response.json()).toHaveProperty('customerId');
  child.kill();
});

test.skipIf(!isPresent('curl', '--version'))('job.sh uses the token in both ways', async () => {
  expect(await run('sh', join(here, 'job.sh'))).toMatch(/^a token of \d+ characters\n\{"customerId":/);
});

test('the steps of github-actions.yml run', async () => {
  const workflow = await readFile(join(here, 'github-actions.yml'), 'utf8');
  const [, script = ''] = /- run: \|\n((?: {10}.*\n)+)/.exec(workflow)!;
  expect(await run('bash', '-e', '-c', script)).toMatch(/^::add-mask::\S+\nuploaded\n$/);
});

test.skipIf(!isPresent('python3', '-c', 'import botocore'))(
  'broker_token.py prints what it got',
  async () => {
    expect(await run('python3', join(here, 'broker_token.py'))).toMatch(/^Bearer application\.read \d+\n$/);
  },
);

test.skipIf(!isPresent('curl', '--version'))('curl.sh prints the answer', async () => {
  expect(JSON.parse(await run('sh', join(here, 'curl.sh')))).toHaveProperty('access_token');
});

test("the client's page shows every one of them as it runs", async () => {
  const shown = pageText('shared/client/README.md').matchAll(
    /^\[`test\/examples\/(\S+)`\]\(\S+\):\n\n```\w*\n(.*?)^```/gms,
  );
  const examples = (await readdir(here)).filter(
    (name) => name !== 'examples.test.ts' && !name.startsWith('__'),
  );
  const texts = await Promise.all(examples.map((name) => readFile(join(here, name), 'utf8')));
  expect(Object.fromEntries([...shown].map(([, name, text]) => [name, text]))).toEqual(
    Object.fromEntries(examples.map((name, index) => [name, texts[index]])),
  );
});

test('the snippet for the SDK works where the commands before it were pasted', async () => {
  const [exported = ''] = snippets('shared/client/README.md', 'sh').flatMap(
    (text) => /^(?:export .*\n)+/m.exec(text) ?? [],
  );
  const sdk = snippets('shared/client/README.md', 'ts').find((text) => text.includes('LambdaClient'))!;
  const lines = exported.replace('http://127.0.0.1:8788', broker.awsUrl);
  const script = `${lines}exec '${process.execPath}' --input-type=module -e "$1"`;
  const bare = { PATH: process.env.PATH ?? '', HOME: folder };
  const { stdout } = await runFile('bash', ['-c', script, 'bash', sdk], { cwd: ROOT, env: bare });
  expect(stdout).toMatch(/^Bearer \d+ \d+\n$/);
});
