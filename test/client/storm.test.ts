import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { startSimulatedVendors } from '../../functions/simulator/server.ts';
import { cli } from '../cli/support.ts';
import { startHttpPeer, text } from '../support/http-peer.ts';
import { startLocalBrokerProcess } from '../support/local-broker.ts';

const CALLER = new URL('storm-caller.ts', import.meta.url).pathname;
const PROCESSES = 5;
const CALLERS = 100;

test('500 callers in several processes whose token is refused cause one mint', async () => {
  const vendors = await startSimulatedVendors();
  const api = await startHttpPeer();
  const folder = await mkdtemp(join(tmpdir(), 'token-broker-storm-'));
  const file = join(folder, 'connections.json');
  const { bugsplat } = vendors;
  const connection = {
    vendor: 'bugsplat',
    base_url: bugsplat.origin,
    scope: 'symbols',
    api_hosts: [api.host],
  };
  await writeFile(file, JSON.stringify({ connections: { 'crash-symbols': connection } }));
  const broker = await startLocalBrokerProcess({ args: ['--connections', file, '--key', 'local'] });
  onTestFinished(async () => {
    await Promise.all([broker.dispose(), vendors.close(), api.close()]);
    await rm(folder, { recursive: true });
  });
  const secret = (await bugsplat.clientSecrets())['bugsplat-symbols'];
  await cli(() => broker)(['secret', 'put', 'crash-symbols'], { input: JSON.stringify(secret) });

  const children = Array.from({ length: PROCESSES }, () =>
    spawn(process.execPath, [CALLER, broker.url, api.origin, String(CALLERS)], {
      env: { ...process.env, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_PROFILE: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const lines = children.map(linesOf);
  for (const line of lines) expect((await line.next()).value).toBe('ready');
  const { mints } = bugsplat.counters.snapshot();
  // The vendor has forgotten the token that all of them hold.
  let refused: string | undefined;
  api.replyWith((response, received) => {
    refused ??= received.headers.authorization;
    text(received.headers.authorization === refused ? 401 : 200, '')(response, received);
  });
  for (const { stdin } of children) stdin?.write('go\n');
  const outcomes = await Promise.all(lines.map(async (line) => JSON.parse((await line.next()).value ?? '')));

  expect(bugsplat.counters.snapshot().mints - mints).toBe(1);
  expect(new Set(outcomes.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  expect(outcomes.map(({ statuses }) => statuses)).toEqual(outcomes.map(() => [200]));
  expect(api.received.length).toBeGreaterThan(PROCESSES * CALLERS);
});

function linesOf({ stdout }: ChildProcess): AsyncIterator<string, undefined> {
  return createInterface({ input: stdout! })[Symbol.asyncIterator]() as AsyncIterator<string, undefined>;
}
