/** The broker on one machine, which other users and programs share. Each of these once succeeded. */
import { mkdtemp, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseOptions } from '../../functions/local/options.ts';
import { environmentOf, start } from '../cli/support.ts';
import { json, startHttpPeer } from '../support/http-peer.ts';
import { runLocalBroker, STATE_HOME, startLocalBrokerProcess } from '../support/local-broker.ts';
import { signedFetch } from '../support/signed-fetch.ts';

const SECRET = '{"client_id":"production","client_secret":"the-production-secret"}';

/** A broker of a team's own, with real secrets. */
async function ownBroker(args: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'token-broker-attack-'));
  const file = join(folder, 'connections.json');
  await writeFile(file, '{"connections":{"mine":{"vendor":"bits","scope":"application"}}}');
  const broker = await startLocalBrokerProcess({ args: ['--connections', file, ...args] });
  onTestFinished(() => broker.dispose());
  return broker;
}

/** Whoever listens on the broker's port before it does, and says that all is well. */
async function squatter() {
  const peer = await startHttpPeer();
  peer.replyWith(json(200, { status: 'ok', proof: 'x'.repeat(43) }));
  onTestFinished(() => peer.close());
  return peer;
}

const keyOf = async (data: string) => (await readFile(join(data, 'key'), 'utf8')).trim();

test('a secret is stored nowhere but where it was told to go', async () => {
  const { code, stderr } = await start(environmentOf(), ['secret', 'put', 'mine'], SECRET).ended;
  expect(code).toBe(2);
  expect(stderr).toContain('--local, --stack NAME or --endpoint URL');
});

test.each([
  ['secret', 'put', 'mine'],
  ['connect', 'mine', '--no-browser'],
  ['revoke', 'mine', '--subject', 'default'],
])('%s sends nothing to a program that only says it is a broker', async (...command) => {
  const peer = await squatter();
  const args = [...command, '--endpoint', peer.origin, '--aws-endpoint', peer.origin];
  const { code, stderr } = await start(environmentOf(), args, SECRET).ended;
  expect(code).not.toBe(0);
  expect(stderr).toContain('nothing was sent to it');
  expect(peer.received.map(({ path }) => path)).toEqual(peer.received.map(() => '/health'));
  expect(JSON.stringify(peer.received)).not.toContain('production');
});

test('a broker keeps what is told to it, and not another one whose port is better known', async () => {
  const [mine, other] = [await ownBroker(), await ownBroker()];
  const put = ['secret', 'put', 'mine', '--endpoint', mine.url];
  // As left behind by whoever tried the other one.
  const environment = { ...environmentOf(), AWS_ENDPOINT_URL: other.awsUrl };
  expect(await start(environment, put, SECRET).ended).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`at ${mine.url}`),
  });
  expect(await stored(mine.data)).toContain('token-broker/mine');
  expect(await stored(other.data)).not.toContain('token-broker/mine');
});

const stored = (data: string) => readFile(join(data, 'secrets.json'), 'utf8').catch(() => '');

test('the key that everybody knows opens no broker with connections of its own', async () => {
  const broker = await ownBroker();
  const key = await keyOf(broker.data);
  expect(key).toMatch(/^[\w-]{32}$/);
  expect((await stat(join(broker.data, 'key'))).mode & 0o777).toBe(0o600);
  expect(broker.output()).toContain(key);
  const statusWith = async (secret: string) =>
    (await signedFetch(`${broker.url}/connections`, { secret })).status;
  expect(await statusWith('local')).toBe(403);
  expect(await statusWith(key)).toBe(200);
  await broker.stop();
});

test('--key sets it, and what is wrong with it is said without repeating it', async () => {
  const broker = await ownBroker(['--key', 'a-key-of-tests']);
  expect((await signedFetch(`${broker.url}/connections`, { secret: 'a-key-of-tests' })).status).toBe(200);
  expect(() => parseOptions(['--key', 'two words'])).toThrow(
    /--key: it must be 1–128 visible ASCII characters/,
  );
  expect(() => parseOptions(['--key', 'two words'])).not.toThrow(/two words/);
});

test('where brokers are found is open to nobody else', async () => {
  const broker = await ownBroker();
  const folder = join(STATE_HOME, 'token-broker');
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, `${new URL(broker.url).port}.json`))).mode & 0o777).toBe(0o600);
});

test('a folder that could never be made is refused, at once', async () => {
  expect(await runLocalBroker(['--port', '0', '--aws-port', '0', '--data', '/proc/x/y'])).toMatchObject({
    code: 1,
    output: expect.stringContaining('/proc/x/y cannot be used'),
  });
});

test.runIf(process.getuid?.() === 0)(
  'a folder of another user is refused, and a link of theirs too',
  async () => {
    const { chown, lchown } = await import('node:fs/promises');
    const folder = await mkdtemp(join(tmpdir(), 'token-broker-theirs-'));
    const link = `${folder}-link`;
    await symlink(folder, link);
    await lchown(link, 65_534, 65_534);
    await expectRefused(link);
    await chown(folder, 65_534, 65_534);
    await expectRefused(folder);
  },
);

async function expectRefused(data: string): Promise<void> {
  expect(await runLocalBroker(['--port', '0', '--aws-port', '0', '--data', data])).toMatchObject({
    code: 1,
    output: expect.stringContaining('belongs to another user'),
  });
}
