import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConnectionsText } from '../../shared/connections/parse.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { environmentOf, start } from './support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-broker-init-'));
});
afterEach(() => rm(folder, { recursive: true }));

const init = (...args: string[]) => start(environmentOf(), ['init', ...args]).ended;

test('init writes an app with connections that are right, says what, and what comes next', async () => {
  const at = join(folder, 'our/broker');
  const { code, stdout, stderr } = await init(at);
  expect(code).toBe(0);
  const written = (await readdir(at, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  expect(stdout.trim().split('\n').sort()).toEqual(written.sort());
  expect(written.length).toBe(5);
  expect(stderr).toMatch(/next: {2}cd \S+our\/broker\n +npm install PATH\/token-broker-\S+\.tgz/);
  const connections = await readFile(join(at, 'connections.json'), 'utf8');
  expect([
    ...parseConnectionsText(connections, { vendors: VENDORS, allowLoopbackHttp: false }).keys(),
  ]).toEqual(['crash-symbols']);
});

test('init overwrites nothing, and then writes nothing at all', async () => {
  await writeFile(join(folder, 'cdk.json'), 'mine');
  expect(await init(folder)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/has cdk\.json already: nothing was written/),
  });
  expect(await readdir(folder)).toEqual(['cdk.json']);
  expect(await readFile(join(folder, 'cdk.json'), 'utf8')).toBe('mine');
});
