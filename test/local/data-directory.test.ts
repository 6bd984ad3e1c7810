import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DataDirectoryUnusable, openDataDirectory } from '../../functions/local/data-directory.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-broker-data-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const MODULE = new URL('../../functions/local/data-directory.ts', import.meta.url).pathname;

/** Another process that opens the folder and keeps it, or prints why it cannot. */
function contender() {
  const script = `
    const { openDataDirectory } = await import(${JSON.stringify(MODULE)});
    try { await openDataDirectory(${JSON.stringify(folder)}); console.log('mine'); setInterval(() => {}, 1000); }
    catch (error) { console.log(error.message); }`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('is made for its owner only, and stays out of git', async () => {
  const path = join(folder, 'a', 'data');
  const directory = await openDataDirectory(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await readFile(join(path, '.gitignore'), 'utf8')).toBe('*\n');
  await directory.release();
});

test('an empty folder that others may enter is made private', async () => {
  await chmod(folder, 0o755);
  await (await openDataDirectory(folder)).release();
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test('a folder with content that others may enter is refused, and left as it is', async () => {
  await writeFile(join(folder, 'something'), '');
  await chmod(folder, 0o755);
  await expect(openDataDirectory(folder)).rejects.toThrow(/mode 755.*chmod 700/);
  expect((await stat(folder)).mode & 0o777).toBe(0o755);
  expect(await readdir(folder)).toEqual(['something']);
});

test('a file in its place is refused with a reason', async () => {
  const path = join(folder, 'file');
  await writeFile(path, '');
  await expect(openDataDirectory(path)).rejects.toThrow(DataDirectoryUnusable);
  await expect(openDataDirectory(path)).rejects.toThrow(/ENOTDIR.*must be a folder/);
});

test('belongs to one at a time, and is free after its release', async () => {
  const first = await openDataDirectory(folder);
  await expect(openDataDirectory(folder)).rejects.toThrow(
    `--data ${folder} is in use by another broker: stop it, or choose another folder`,
  );
  await first.release();
  await (await openDataDirectory(folder)).release();
});

test('is free as soon as the process that has it was killed', async () => {
  const holder = contender();
  await once(holder.stdout, 'data');
  await expect(openDataDirectory(folder)).rejects.toThrow(/in use by another broker/);
  holder.kill('SIGKILL');
  await once(holder, 'close');
  await (await openDataDirectory(folder)).release();
});

test('goes to exactly one of many processes that open it at once after a kill', async () => {
  const killed = contender();
  await once(killed.stdout, 'data');
  killed.kill('SIGKILL');
  await once(killed, 'close');
  const contenders = Array.from({ length: 8 }, contender);
  const printed = contenders.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim());
  const outcomes = await Promise.all(printed);
  for (const child of contenders) child.kill('SIGKILL');
  expect(outcomes.filter((outcome) => outcome === 'mine')).toHaveLength(1);
  expect(outcomes.filter((outcome) => /in use by another broker/.test(outcome))).toHaveLength(7);
});
