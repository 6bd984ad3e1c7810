import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { sha256Base64url } from '../../shared/contract/sha256.ts';
import { readIfPresent } from '../local/atomic-file.ts';
import { EXIT, Failure } from './failure.ts';
import { tell } from './terminal.ts';

/** What the package says that its local program needs, which the rest of it does not: a DynamoDB, 10 MB. */
interface LocalManifest {
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

const LOCAL = fileURLToPath(new URL('../local', import.meta.url));

export function devCommand(): Command {
  return (
    new Command('dev')
      .description('Run the broker on this machine, with simulated vendors or your connections file.')
      .argument('[options...]', 'token-broker dev --help tells them')
      .addHelpText(
        'after',
        `
Examples:
  token-broker dev
  token-broker dev --connections connections.json --data ~/.token-broker`,
      )
      // The local program's own.
      .helpOption(false)
      .allowUnknownOption()
      .action(async (options: string[]) => {
        const program = await localProgram();
        process.argv.splice(1, Number.POSITIVE_INFINITY, program, ...options);
        await import(pathToFileURL(program).href);
      })
  );
}

/** Its path. A checkout has all that it needs; for the package it is fetched once, into a folder of its own. */
async function localProgram(): Promise<string> {
  const text = await readIfPresent(join(LOCAL, 'package.json'));
  if (text === undefined) return join(LOCAL, 'main.ts');
  const { engines, dependencies }: LocalManifest = JSON.parse(text);
  if (isOlder(process.versions.node, engines.node))
    throw new Failure(
      EXIT.failed,
      `token-broker dev needs Node.js ${engines.node}; this is ${process.version}.`,
    );
  const caches = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'token-broker');
  const folder = join(caches, sha256Base64url(text));
  if (!(await stat(folder).catch(() => undefined))) await install(text, Object.entries(dependencies), folder);
  await copyFile(join(LOCAL, 'main.js'), join(folder, 'main.js'));
  return join(folder, 'main.js');
}

/** @param least as `engines` has it: `>=22.18` */
function isOlder(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.replace('>=', '').split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

/** What is interrupted leaves no folder of that name. */
async function install(manifest: string, packages: [string, string][], folder: string): Promise<void> {
  const names = packages.map(([name, version]) => `${name}@${version}`).join(' and ');
  tell(`${names}, which only this command needs: installing into ${folder}`);
  await mkdir(join(folder, '..'), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    await writeFile(join(unfinished, 'package.json'), manifest);
    const npm = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    const { status } = spawnSync('npm', npm, { cwd: unfinished, stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Failure(EXIT.failed, `npm could not install ${names}.`);
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
