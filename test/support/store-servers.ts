/** Other people's DynamoDB and Secrets Manager, where this machine has them. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StoreEndpoint } from './store-endpoint.ts';

const run = promisify(execFile);

/** A server that can be started, or why it cannot be. */
export type Available = { start(): Promise<StoreEndpoint> } | { missing: string };

/** moto, which imitates both services; its `moto_server` has to be on the path. */
export function motoServer(): Available {
  if (spawnSync('moto_server', ['--help']).status !== 0) return { missing: 'moto_server is not on the path' };
  return { start: () => startServer('moto_server', (port) => ['-H', '127.0.0.1', '-p', String(port)]) };
}

/** Amazon's own DynamoDB Local. Its licence forbids keeping a copy in the repository, so npm fetches it. */
export async function dynamoDbLocal(): Promise<Available> {
  if (spawnSync('java', ['-version']).status !== 0) return { missing: 'there is no Java' };
  try {
    const cwd = await fetchDynamoDbLocal();
    const flags = [
      '-Djava.library.path=./DynamoDBLocal_lib',
      '-jar',
      'DynamoDBLocal.jar',
      '-inMemory',
      '-port',
    ];
    return { start: () => startServer('java', (port) => [...flags, String(port)], cwd) };
  } catch (error) {
    const [reason] = String(error).split('\n');
    return { missing: `DynamoDB Local could not be fetched: ${reason}` };
  }
}

/** The folder of the jar, which a package on npm carries along. */
async function fetchDynamoDbLocal(): Promise<string> {
  const name = 'amplify-dynamodb-simulator';
  const version = '2.9.30';
  const folder = join(tmpdir(), `${name}-${version}`);
  if (!existsSync(folder)) {
    const fetched = await mkdtemp(join(tmpdir(), `${name}-`));
    await run('npm', ['pack', `${name}@${version}`, '--silent'], { cwd: fetched });
    await run('tar', ['-xzf', `${name}-${version}.tgz`], { cwd: fetched });
    // Whole or not at all, whoever else fetches it at the same time.
    await rename(fetched, folder).catch(() => mkdir(folder, { recursive: true }));
  }
  return join(folder, 'package', 'emulator');
}

async function startServer(
  command: string,
  options: (port: number) => string[],
  cwd?: string,
): Promise<StoreEndpoint> {
  const port = await freePort();
  const child = spawn(command, options(port), { cwd, stdio: 'ignore' });
  await listening(child, port);
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Neither server says which port it took when it may choose one. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${child.spawnfile} ended with ${child.exitCode} before it listened`);
}
