/** The npm package as its users have it: packed, installed into an empty project, and used in its three ways. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressIn, askerOf } from '../console/support.ts';
import { json, startHttpPeer } from '../support/http-peer.ts';
import { type LocalBrokerProcess, STATE_HOME, startLocalBrokerProcess } from '../support/local-broker.ts';
import { output } from '../support/output.ts';

const root = new URL('../..', import.meta.url).pathname;
const keys = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

let project: string;
let broker: LocalBrokerProcess;
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'token-broker-user-'));
  await writeFile(join(project, 'package.json'), '{"private":true,"type":"module"}');
  const tarball = (await output('npm', ['run', '--silent', 'pack', '--prefix', root])).trim();
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(root, tarball)]);
  for (const peer of ['aws-cdk-lib', 'constructs']) {
    await symlink(join(root, 'node_modules', peer), join(project, 'node_modules', peer));
  }
  broker = await startLocalBrokerProcess();
}, 300_000);
afterAll(async () => {
  await broker?.dispose();
  await rm(project, { recursive: true, force: true });
});

/** In the project, without the repository's own tools on the path. */
function run(command: string, args: readonly string[], environment: Record<string, string> = {}) {
  const PATH = (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => !folder.startsWith(root))
    .join(':');
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, PATH, ...environment },
  });
  expect(status, `${command} ${args.join(' ')}: ${stderr || stdout}`).toBe(0);
  return stdout;
}

const write = (name: string, content: string) => writeFile(join(project, name), content);

const CALLER = `import { createTokenClient, TokenBrokerError, type Token } from 'token-broker';
const client = createTokenClient({ endpoint: process.env.BROKER ?? '' }, { timeout: 10_000 });
const token: Token = await client.token('crash-symbols', { minTtl: 60 });
try {
  await client.token('research-user', { subject: 'alice' });
} catch (error) {
  if (error instanceof TokenBrokerError) console.log(token.tokenType, error.code);
}
`;

/** What the client printed that asked the broker at a URL. */
async function callerOf(node: string, url: string): Promise<string> {
  await write('caller.mjs', CALLER.replace(', type Token', '').replace(': Token', ''));
  return run(node, ['caller.mjs'], { ...keys, BROKER: url });
}

/** An app with the construct, which needs no esbuild; its template. */
async function synthesize(node: string) {
  await write(
    'connections.json',
    '{"connections":{"crash":{"vendor":"bugsplat","scope":"symbols"},"pay":{"vendor":"bits","scope":"application"}}}',
  );
  await write(
    'app.mjs',
    `import { App, Stack } from 'aws-cdk-lib';
import { TokenBroker } from 'token-broker/cdk';
const app = new App({ outdir: 'cdk.out' });
new TokenBroker(new Stack(app, 'Mine'), 'Broker', { connections: 'connections.json' });
app.synth();
`,
  );
  await rm(join(project, 'cdk.out'), { recursive: true, force: true });
  run(node, ['app.mjs']);
  return JSON.parse(await readFile(join(project, 'cdk.out/Mine.template.json'), 'utf8')) as {
    Resources: Record<string, { Type: string }>;
  };
}

/** The page with its files, and answers for whoever has the key. */
async function expectConsole(address: string): Promise<void> {
  const ask = askerOf(address);
  for (const file of ['page.js', 'page.css'])
    expect((await ask(`/console/${file}`)).text.length).toBeGreaterThan(5_000);
  const { connections } = (await ask('/console/api/broker/connections')).json() as { connections: unknown[] };
  expect(connections.length).toBeGreaterThan(5);
}

/** The lowest that the package admits, those in which names of Node's moved, the newest, and this one. */
const VERSIONS = process.platform === 'linux' ? ['20.12.0', '20.20.0', '22.9.0', 'latest', ''] : [''];

describe.each(VERSIONS)('in Node.js %s', (version) => {
  let node = process.execPath;
  const COMMAND = 'node_modules/token-broker/functions/cli/main.js';
  const target = () => ({
    ...keys,
    XDG_STATE_HOME: STATE_HOME,
    TOKEN_BROKER_ENDPOINT: broker.url,
    AWS_ENDPOINT_URL: broker.awsUrl,
  });
  beforeAll(() => {
    if (version === '') return;
    const [name, folder] = [`node-linux-${process.arch}`, `node-${version}`];
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--prefix', folder];
    run('npm', ['install', ...options, `${name}@${version}`]);
    node = join(project, folder, 'node_modules', name, 'bin/node');
  }, 300_000);

  test('the client gets tokens', async () => {
    expect(await callerOf(node, broker.url)).toBe('Bearer consent_required\n');
  });

  test('the fake broker serves the client, and the document is there', async () => {
    await write(
      'fake.mjs',
      `import { createTokenClient } from 'token-broker';
import { startFakeBroker } from 'token-broker/testing';
const broker = await startFakeBroker({ crash: {} });
const client = createTokenClient({ endpoint: broker.endpoint }, { credentials: broker.credentials });
console.log((await client.token('crash')).accessToken, import.meta.resolve('token-broker/openapi.json'));
`,
    );
    expect(run(node, ['fake.mjs'])).toMatch(/^fake-crash-1 file:.*\/shared\/contract\/openapi\.json\n$/);
  });

  test('the command explains itself, makes and stores keys, gives a token and examines a broker', () => {
    expect(run(node, [COMMAND, '--help'])).toContain('Usage: token-broker');
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const keygen = [
        'secret',
        'keygen',
        'logs-jobs',
        '--client-id',
        '1',
        '--alg',
        alg,
        '--replace',
        '--jwk',
      ];
      expect(JSON.parse(run(node, [COMMAND, ...keygen], target()))).toMatchObject({ alg });
    }
    expect(run(node, [COMMAND, 'token', 'crash-symbols', '--header'], target())).toMatch(
      /^Authorization: Bearer \S+\n$/,
    );
    expect(run(node, [COMMAND, 'doctor', 'crash-symbols', '--json'], target())).toContain('"status": "ok"');
  });

  test('the console is served, page and all', async () => {
    expect(run(node, [COMMAND, 'console', '--help'])).toContain('Usage: token-broker console');
    const aws = await startHttpPeer();
    aws.replyWith(json(200, { Parameter: { Value: broker.url } }));
    const console = spawn(node, [COMMAND, 'console', '--stack', 'token-broker'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...keys, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: aws.origin },
    });
    try {
      const [printed] = await once(console.stdout, 'data');
      await expectConsole(addressIn(String(printed)));
    } finally {
      console.kill();
      await aws.close();
    }
  });

  test('dev runs the broker with what it fetches for it, or says which Node.js it needs', async () => {
    const environment = { XDG_CACHE_HOME: join(project, 'caches') };
    if (/^2[02]\./.test(version)) {
      const { status, stderr } = spawnSync(node, [COMMAND, 'dev'], { cwd: project, encoding: 'utf8' });
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringContaining('needs Node.js >=22.18'),
      });
      return;
    }
    expect(run(node, [COMMAND, 'dev', '--help'], environment)).toContain('--sweep-every');
    const command = [node, join(project, COMMAND), 'dev'] as const;
    const own = await startLocalBrokerProcess({ command, environment });
    try {
      expect(await callerOf(node, own.url)).toBe('Bearer consent_required\n');
      await expectConsole(addressIn(own.output()));
      expect(await own.stop()).toBe(0);
    } finally {
      await own.dispose();
    }
  });

  test('the construct synthesizes', async () => {
    expect(Object.keys((await synthesize(node)).Resources).length).toBeGreaterThan(50);
  });
});

test('the client needs no more than 120 KB in a bundle, however it is bundled', () => {
  const esbuild = join(root, 'node_modules/esbuild/bin/esbuild');
  const args = ['caller.mjs', '--bundle', '--minify', '--platform=node', '--format=esm'];
  expect(run(esbuild, args).length).toBeLessThan(120_000);
});

test('its page is the one for its users, and the links in it lead to its files', async () => {
  const installed = join(project, 'node_modules/token-broker');
  const page = await readFile(join(installed, 'README.md'), 'utf8');
  expect(page).not.toMatch(/npm (?:start|ci|test|run)/);
  const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter((path) => !existsSync(join(installed, path)))).toEqual([]);
});

test('the command runs', () => {
  const printed = run('npx', ['--no-install', 'token-broker', 'token', 'crash-symbols', '--header'], {
    TOKEN_BROKER_ENDPOINT: broker.url,
  });
  expect(printed).toMatch(/^Authorization: Bearer \S+\n$/);
});

test('the construct needs no esbuild and no sources, and deploys the bundles of the package', async () => {
  const template = await synthesize(process.execPath);
  const types = Object.values(template.Resources).map(({ Type }) => Type);
  expect(types.filter((type) => type === 'AWS::Lambda::Function').length).toBeGreaterThanOrEqual(5);
  const { files } = JSON.parse(await readFile(join(project, 'cdk.out/Mine.assets.json'), 'utf8')) as {
    files: Record<string, { source: { path: string; packaging: string } }>;
  };
  const folders = Object.values(files).filter(({ source }) => source.packaging === 'zip');
  const contents = await Promise.all(
    folders.map(({ source }) => readFile(join(project, 'cdk.out', source.path, 'index.cjs'), 'utf8')),
  );
  const prebuilt = await readFile(
    join(project, 'node_modules/token-broker/functions/token-https.cjs'),
    'utf8',
  );
  expect(contents).toContain(prebuilt);
});

test('what init writes synthesizes with the CDK’s own command', async () => {
  run('npx', ['--no-install', 'token-broker', 'init', 'fresh']);
  const cdk = join(root, 'node_modules/aws-cdk/bin/cdk');
  run('sh', ['-c', `cd fresh && ${process.execPath} ${cdk} synth --quiet`]);
  const template = await readFile(join(project, 'fresh/cdk.out/TokenBroker.template.json'), 'utf8');
  expect(template).toContain('token-broker-invoke');
  const { dependencies } = JSON.parse(await readFile(join(project, 'fresh/package.json'), 'utf8'));
  expect(dependencies).toEqual({ 'aws-cdk-lib': '^2.270.0', constructs: '^10.5.0' });
});

test('the declarations type-check in a strict project', async () => {
  await write('caller.ts', CALLER);
  await write(
    'app.ts',
    `import { App, Stack } from 'aws-cdk-lib';
import { TokenBroker, type TokenBrokerProps } from 'token-broker/cdk';
import type { FakeBroker } from 'token-broker/testing';
const failing = (fake: FakeBroker) => fake.fail('crash', 'busy');
const props: TokenBrokerProps = { connections: 'connections.json' };
const broker = new TokenBroker(new Stack(new App(), 'Mine'), 'Broker', props);
const url: string = broker.url;
// @ts-expect-error: connections are needed
new TokenBroker(broker, 'Other', {});
console.log(url, failing);
`,
  );
  await symlink(join(root, 'node_modules/@types'), join(project, 'node_modules/@types'));
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--types', 'node', '--skipLibCheck'];
  run(join(root, 'node_modules/.bin/tsc'), [...options, '--module', 'nodenext', 'caller.ts', 'app.ts']);
});
