/** The README cannot rot: its shell snippets run against the local program, its TypeScript is type-checked. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConnections } from '../shared/connections/parse.ts';
import { VENDORS } from '../shared/vendors/index.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from './support/local-broker.ts';

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
const readme = await readFile(join(root, 'README.md'), 'utf8');

function snippets(language: string): string[] {
  const fences = readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...fences].map(([, text = '']) => text);
}

/** The two commands that a newcomer begins with. They install, so that only a clean checkout can run them whole. */
const FIRST = ['npm ci && npm start\n', 'npm ci && npm test\n'];

test('the first two commands start the broker and run the tests', () => {
  expect(snippets('sh').slice(0, 2)).toEqual(FIRST);
});

describe('against the local program', () => {
  let broker: LocalBrokerProcess;
  let folder: string;
  let commands = new Set<string>();

  beforeAll(async () => {
    [broker, folder] = await Promise.all([
      startLocalBrokerProcess(),
      mkdtemp(join(tmpdir(), 'token-broker-readme-')),
    ]);
    const found = await Promise.all(
      ['curl', 'aws'].map((name) =>
        run('which', [name]).then(
          () => name,
          () => undefined,
        ),
      ),
    );
    commands = new Set(found.filter((name) => name !== undefined));
  });
  afterAll(async () => {
    await broker?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  /** As a reader pastes it, but with this run's ports; in a shell that stops at the first failure. */
  function shell(script: string): Promise<{ stdout: string }> {
    const here = script
      .replaceAll('http://127.0.0.1:8787', broker.url)
      .replaceAll('http://127.0.0.1:8788', broker.awsUrl);
    const BUGFENDER = /bugfender (http:\S+?),?\s/.exec(broker.output())?.[1] ?? '';
    const inProject = /^np[mx] /m.test(script);
    return run('bash', ['-euo', 'pipefail', '-c', here.replaceAll('curl -sS', 'curl -sS --fail-with-body')], {
      cwd: inProject ? root : folder,
      env: { ...process.env, BUGFENDER, AWS_CONFIG_FILE: '/dev/null' },
    });
  }

  const scripts = snippets('sh').filter((script) => !FIRST.includes(script));

  test.each(scripts)('this runs: %s', { timeout: 60_000 }, async (script) => {
    const needed = ['curl', 'aws'].filter((name) => new RegExp(`\\b${name} `).test(script));
    const missing = needed.filter((name) => !commands.has(name));
    if (missing.length > 0) return console.warn(`skipped: no ${missing.join(', ')} on this machine`);
    const { stdout } = await shell(script);
    if (script.includes('/token')) expect(JSON.parse(stdout)).toMatchObject({ source: 'vendor' });
    if (script.includes('lambda invoke')) expect(stdout).toContain('"access_token"');
  });
});

test('every TypeScript snippet type-checks', { timeout: 60_000 }, async () => {
  // Inside the project, so that packages resolve, its own included.
  await mkdir(join(root, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(root, 'dist/readme-'));
  try {
    const files = await Promise.all(
      [...snippets('ts'), ...snippets('typescript')].map(async (text, index) => {
        const file = join(folder, `snippet-${index}.ts`);
        await writeFile(file, `${text.replaceAll("'./", `'${root}`)}\nexport {};\n`);
        return file;
      }),
    );
    expect(files.length).toBeGreaterThan(1);
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'infra/tsconfig.json'), files, include: [] }),
    );
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout } = await run(tsc, ['-p', folder]).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the connections file of the README is a valid one', () => {
  const file = snippets('json').find((text) => text.includes('"connections"'));
  const connections = parseConnections(JSON.parse(file ?? ''), {
    vendors: VENDORS,
    allowLoopbackHttp: false,
  });
  expect([...connections.keys()]).toEqual(['crash-symbols', 'logs-portal', 'anything-else']);
});
