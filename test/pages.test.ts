/** The pages cannot rot: what they show is run or type-checked, and their links lead somewhere. */
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { draw, THEMES } from '../.github/picture.ts';
import { parseConnections } from '../shared/connections/parse.ts';
import { VENDORS } from '../shared/vendors/index.ts';
import { MAIN } from './cli/support.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from './support/local-broker.ts';
import { PAGES, pageText, ROOT, snippets, typeErrors } from './support/pages.ts';

const run = promisify(execFile);

/** The two commands that a newcomer begins with. They install, so that only a clean checkout can run them whole. */
const FIRST = ['npm ci && npm start\n', 'npm ci && npm test\n'];

describe('the README', () => {
  test('begins with the commands that start the broker and run the tests', () => {
    expect(snippets('README.md', 'sh').slice(0, 2)).toEqual(FIRST);
  });

  test('has at most 200 lines', () => {
    expect(pageText('README.md').split('\n').length).toBeLessThanOrEqual(201);
  });

  test('leads to every other page', () => {
    const led = linksOf('README.md').map(({ path }) => path);
    const pages = PAGES.filter((page) => /^(?:functions|infra|shared)\//.test(page) && page !== PACKAGE);
    expect(pages.filter((page) => !led.includes(page))).toEqual([]);
  });

  test.each(Object.entries(THEMES))('shows the picture that its source draws, %s', (name, theme) => {
    expect(pageText(`.github/picture-${name}.svg`)).toBe(draw(theme));
    expect(pageText('README.md')).toContain(`.github/picture-${name}.svg`);
  });
});

describe('against the local program', () => {
  let broker: LocalBrokerProcess;
  let folder: string;
  let commands = new Set<string>();

  beforeAll(async () => {
    [broker, folder] = await Promise.all([
      startLocalBrokerProcess(),
      mkdtemp(join(tmpdir(), 'token-broker-pages-')),
    ]);
    const command = join(folder, 'token-broker');
    await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
    await chmod(command, 0o755);
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
      .replaceAll('http://127.0.0.1:8788', broker.awsUrl)
      .replaceAll('--local', `--endpoint ${broker.url}`);
    const BUGFENDER = /bugfender (http:\S+?),?\s/.exec(broker.output())?.[1] ?? '';
    const inProject = /^np[mx] /m.test(script);
    return run('bash', ['-euo', 'pipefail', '-c', here.replaceAll('curl -sS', 'curl -sS --fail-with-body')], {
      cwd: inProject ? ROOT : folder,
      env: {
        ...process.env,
        BUGFENDER,
        PATH: `${folder}:${process.env.PATH}`,
        AWS_CONFIG_FILE: '/dev/null',
      },
    });
  }

  const scripts = PAGES.flatMap((page) =>
    snippets(page, 'sh').map((script) => [page, script] as const),
  ).filter(([, script]) => !FIRST.includes(script));

  test.each(scripts)('a command of %s runs: %s', { timeout: 180_000 }, async (_, script) => {
    const needed = ['curl', 'aws'].filter((name) => new RegExp(`\\b${name} `).test(script));
    const missing = needed.filter((name) => !commands.has(name));
    if (missing.length > 0) return console.warn(`skipped: no ${missing.join(', ')} on this machine`);
    const { stdout } = await shell(script);
    if (script.includes('/token')) {
      const source = expect.stringMatching(/^(?:memory|table|vendor)$/);
      expect(JSON.parse(stdout)).toMatchObject({ access_token: expect.any(String), source });
    }
    if (script.includes('lambda invoke')) expect(stdout).toContain('"access_token"');
  });
});

test('what needs an AWS account or an installation is at least correct shell', async () => {
  const scripts = PAGES.flatMap((page) => snippets(page, 'shell'));
  expect(scripts.length).toBeGreaterThan(0);
  await Promise.all(scripts.map((script) => run('bash', ['-n', '-c', script])));
});

test('every TypeScript snippet type-checks', { timeout: 180_000 }, async () => {
  // The reference shows declarations without what they import; its examples are those of the docstrings.
  const texts = PAGES.filter((page) => page !== 'API.md').flatMap((page) =>
    [...snippets(page, 'ts'), ...snippets(page, 'typescript')].map(
      (text, index) => [`${page} ${index}`, text] as const,
    ),
  );
  expect(texts.length).toBeGreaterThan(4);
  expect(await typeErrors(new Map(texts))).toBe('');
});

const FILE_OPTIONS = { vendors: VENDORS, allowLoopbackHttp: false };
const VENDOR_PAGES = Object.keys(VENDORS).filter((name) => name !== 'custom');

test.each(VENDOR_PAGES)('what the page of %s says of the connections file is valid', (vendor) => {
  const [file = ''] = snippets(`shared/vendors/${vendor}.md`, 'json');
  const connections = [...parseConnections(JSON.parse(file), FILE_OPTIONS).values()];
  expect(new Set(connections.map((connection) => connection.vendor))).toEqual(new Set([vendor]));
});

test('the connections file that is shown is a valid one', () => {
  const file = snippets('shared/connections/README.md', 'json').find((text) =>
    text.includes('"connections"'),
  );
  const connections = parseConnections(JSON.parse(file ?? ''), FILE_OPTIONS);
  expect([...connections.keys()]).toEqual(['crash-symbols', 'logs-portal', 'anything-else']);
});

test.each(PAGES)('every link of %s leads to a file, and to a heading where it names one', (page) => {
  const broken = linksOf(page).filter(
    ({ path, anchor }) =>
      !existsSync(join(ROOT, path)) || (anchor !== undefined && !headingsOf(path).has(anchor)),
  );
  expect(broken).toEqual([]);
});

/** The page of the npm package, which has it at its root. */
const PACKAGE = 'infra/package/README.md';

/** Links and images inside the project; a link to a folder means its page. */
function linksOf(page: string): { path: string; anchor: string | undefined }[] {
  const prose = pageText(page).replaceAll(/^ {0,3}```.*?^ {0,3}```/gms, '');
  const folder = page === PACKAGE ? '.' : dirname(page);
  return [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)]
    .map(([, inline, attribute]) => inline ?? attribute ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#');
      return { path: file === '' ? page : normalize(join(folder, file)), anchor };
    });
}

/** The anchors that GitHub gives a page's headings. */
function headingsOf(page: string): Set<string> {
  if (statSync(join(ROOT, page)).isDirectory() || !page.endsWith('.md')) return new Set();
  const prose = pageText(page).replaceAll(/^ {0,3}```.*?^ {0,3}```/gms, '');
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}
