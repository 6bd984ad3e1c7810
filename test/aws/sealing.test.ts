import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { CompactEncrypt, type CompactJWEHeaderParameters } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { secretsManagerClient, tokensClient } from '../../shared/aws/clients.ts';
import { createGrantsTable } from '../../shared/aws/grants-table.ts';
import { encodedHeader, encryptCompact } from '../../shared/aws/jwe.ts';
import { parseKeyring, rotated, serializeKeyring } from '../../shared/aws/keyring.ts';
import { createSealer, kidOf } from '../../shared/aws/sealing.ts';
import { createTokensTable } from '../../shared/aws/tokens-table.ts';
import { StoreUnavailable, UnreadableValue } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type StoreEndpoint, startStoreEndpoint } from '../support/store-endpoint.ts';
import { localAccess, storeClock } from '../support/stores.ts';

const BINDING = { item: 'token#a', purpose: 'access_token', generation: 'g1' };

let endpoint: StoreEndpoint;
let proxy: FaultProxy;

beforeAll(async () => {
  endpoint = await startStoreEndpoint();
  proxy = await startFaultProxy(endpoint.origin);
});
afterEach(() => {
  proxy.heal();
  proxy.thawReads();
});
afterAll(async () => {
  await proxy.close();
  await endpoint.close();
});

/** A keyring of its own, and as many processes with it as a test wants. */
async function setUp(keyring = JSON.stringify({ kid: 'initial', key: randomBytes(32).toString('hex') })) {
  const secret = `keyring-${randomUUID()}`;
  const clock = storeClock();
  const { client } = secretsManagerClient({ ...localAccess, endpoint: endpoint.origin });
  await client.send(new CreateSecretCommand({ Name: secret, SecretString: keyring }));
  const put = (text: string) =>
    client.send(new PutSecretValueCommand({ SecretId: secret, SecretString: text }));
  return {
    clock,
    put,
    newProcess() {
      return createSealer(secretsManagerClient({ ...localAccess, endpoint: proxy.origin }), {
        secret,
        clock,
      });
    },
    async rotate() {
      const answer = await client.send(new GetSecretValueCommand({ SecretId: secret }));
      const ring = rotated(
        rotated(parseKeyring(new Redacted(answer.SecretString!)), clock.now()),
        clock.now(),
      );
      await put(serializeKeyring(ring, clock.now()).reveal());
      return ring.current;
    },
  };
}

function readings(): number {
  return proxy.seen.get('GetSecretValue') ?? 0;
}

test('what one process seals another opens', async () => {
  const { newProcess } = await setUp();
  for (const text of ['token', '', '\ufeff🔑 \u0000', 'x'.repeat(100_000)]) {
    const sealed = await newProcess().seal(new Redacted(text), BINDING);
    expect((await newProcess().open(sealed, BINDING)).reveal()).toBe(text);
  }
});

test('a process without a keyring begins to read it before it is needed, once', async () => {
  const { newProcess } = await setUp();
  const sealed = await newProcess().seal(new Redacted('token'), BINDING);
  const process = newProcess();
  const before = readings();
  process.prepare();
  await expect.poll(readings).toBe(before + 1);
  process.prepare();
  expect((await process.open(sealed, BINDING)).reveal()).toBe('token');
  process.prepare();
  await process.seal(new Redacted('other'), BINDING);
  expect(readings()).toBe(before + 1);
});

test.each(['tokens', 'grants'] as const)(
  'the first reading of the %s table reads the keyring beside it',
  async (kind) => {
    const { newProcess, clock } = await setUp();
    const dynamo = tokensClient({ ...localAccess, endpoint: proxy.origin }, clock);
    const parts = { dynamo, table: 'none', sealer: newProcess(), clock };
    const before = readings();
    proxy.inject('hang', { operation: 'GetItem' });
    const reading =
      kind === 'tokens'
        ? createTokensTable(parts).read('key', { consistent: false })
        : createGrantsTable({ ...parts, shards: 1 }).read({ connection: 'c', subject: 's' });
    const silent = expect(reading).rejects.toThrow('no answer in time');
    await expect.poll(readings).toBe(before + 1);
    await silent;
    proxy.heal();
  },
);

test('a sealed value shows its binding and key, and never the same text twice', async () => {
  const sealer = (await setUp()).newProcess();
  const one = await sealer.seal(new Redacted('token'), BINDING);
  const other = await sealer.seal(new Redacted('token'), BINDING);
  const header = JSON.parse(Buffer.from(one.split('.')[0]!, 'base64url').toString());
  expect(header).toEqual({ alg: 'dir', enc: 'A256GCM', kid: 'initial', ...BINDING });
  expect(one).not.toBe(other);
});

test.each([
  { ...BINDING, item: 'token#b' },
  { ...BINDING, purpose: 'refresh_token' },
  { ...BINDING, generation: 'g2' },
  { item: BINDING.item, purpose: BINDING.purpose },
])('a value does not open as that of %o', async (binding) => {
  const { newProcess } = await setUp();
  const sealed = await newProcess().seal(new Redacted('token'), BINDING);
  await expect(newProcess().open(sealed, binding)).rejects.toThrow(UnreadableValue);
});

test('a value whose header, text or tag was altered does not open', async () => {
  const sealer = (await setUp()).newProcess();
  const parts = (await sealer.seal(new Redacted('token'), BINDING)).split('.');
  const header = JSON.parse(Buffer.from(parts[0]!, 'base64url').toString());
  const rebound = Buffer.from(JSON.stringify({ ...header, generation: 'g2' })).toString('base64url');
  await expect(
    sealer.open([rebound, ...parts.slice(1)].join('.'), { ...BINDING, generation: 'g2' }),
  ).rejects.toThrow(UnreadableValue);
  for (const index of [2, 3, 4]) {
    const altered = parts.with(index, Buffer.from(randomBytes(16)).toString('base64url'));
    await expect(sealer.open(altered.join('.'), BINDING)).rejects.toThrow(UnreadableValue);
  }
});

test.each([
  '',
  '.',
  'plain text',
  'e30.',
  `${Buffer.from('{"kid":1}').toString('base64url')}....`,
  'null....',
])('what is not a sealed value does not open: %j', async (text) => {
  const sealer = (await setUp()).newProcess();
  await expect(sealer.open(text, BINDING)).rejects.toThrow(UnreadableValue);
});

describe('of what was sealed under the right key, but otherwise', () => {
  const k = randomBytes(32);
  const usual = { alg: 'dir', enc: 'A256GCM', kid: 'a', ...BINDING } as const;

  async function opened(sealed: string): Promise<string> {
    const created = '2026-01-01T00:00:00Z';
    const keyring = { current: 'a', keys: { a: { k: k.toString('base64url'), created } } };
    const sealer = (await setUp(JSON.stringify(keyring))).newProcess();
    return (await sealer.open(sealed, BINDING)).reveal();
  }

  const sealedByJose = (header: CompactJWEHeaderParameters) =>
    new CompactEncrypt(Buffer.from('token')).setProtectedHeader(header).encrypt(k);

  test('that of another program with the same header opens', async () => {
    expect(await opened(await sealedByJose(usual))).toBe('token');
  });

  test.each([
    ['another way to the key', { ...usual, alg: 'A256KW' }],
    ['another encryption', { ...usual, enc: 'A128CBC-HS256' }],
    ['compression', { ...usual, zip: 'DEF' }],
    ['one member more', { ...usual, typ: 'JWT' }],
    ['its members in another order', { ...BINDING, ...usual }],
  ])('%s, nothing opens', async (_, header) => {
    await expect(opened(await sealedByJose(header))).rejects.toThrow(UnreadableValue);
  });

  test.each([
    ['alg', { alg: 'A256KW' }],
    ['enc', { enc: 'A128GCM' }],
    ['crit', { crit: ['item'] }],
  ])('with a header that says so falsely, nothing opens: %s', async (_, members) => {
    const header = encodedHeader({ ...usual, ...members });
    const sealed = encryptCompact(header, 'token', createSecretKey(k));
    await expect(opened(sealed)).rejects.toThrow(UnreadableValue);
  });
});

test('what was opened is sealed as it was, until its binding or the current key changes', async () => {
  const { newProcess, rotate, clock } = await setUp();
  const sealer = newProcess();
  const sealed = await newProcess().seal(new Redacted('token'), BINDING);
  const plain = await sealer.open(sealed, BINDING);
  expect(await sealer.seal(plain, BINDING)).toBe(sealed);
  expect(await sealer.seal(plain, { ...BINDING, generation: 'g2' })).not.toBe(sealed);
  const current = await rotate();
  clock.advance(300_000);
  const again = await sealer.open(sealed, BINDING);
  const resealed = await sealer.seal(again, BINDING);
  expect(kidOf(resealed)).toBe(current);
  expect((await newProcess().open(resealed, BINDING)).reveal()).toBe('token');
});

test('a process that still has the old keyring opens what a newer one sealed, reading the keyring once', async () => {
  const { newProcess, rotate, clock } = await setUp();
  const [older, newer] = [newProcess(), newProcess()];
  await older.seal(new Redacted('warm'), BINDING);
  const current = await rotate();
  clock.advance(1_000);
  const sealed = await newer.seal(new Redacted('token'), BINDING);
  expect(kidOf(sealed)).toBe(current);
  const before = readings();
  const opened = await Promise.all(Array.from({ length: 20 }, () => older.open(sealed, BINDING)));
  expect(opened.map((plain) => plain.reveal())).toEqual(Array(20).fill('token'));
  expect(readings() - before).toBe(1);
});

test('a keyring that was read a moment before its rotation is read again for an unknown key', async () => {
  const { newProcess, rotate } = await setUp();
  const older = newProcess();
  await older.seal(new Redacted('warm'), BINDING);
  await rotate();
  const sealed = await newProcess().seal(new Redacted('token'), BINDING);
  expect((await older.open(sealed, BINDING)).reveal()).toBe('token');
});

test('values open throughout twenty rotations', async () => {
  const { newProcess, rotate, clock } = await setUp();
  const [writer, reader] = [newProcess(), newProcess()];
  const sealed: string[] = [];
  for (let rotation = 0; rotation < 20; rotation += 1) {
    const rotating = rotate();
    sealed.push(await writer.seal(new Redacted(`token ${rotation}`), BINDING));
    await rotating;
    clock.advance(150_000);
    const opened = await reader.open(sealed.at(-1)!, BINDING);
    expect(opened.reveal()).toBe(`token ${rotation}`);
  }
  expect((await newProcess().open(sealed[0]!, BINDING)).reveal()).toBe('token 0');
  expect(new Set(sealed.map(kidOf)).size).toBeGreaterThan(8);
});

test('an unknown key is unreadable, and asking for it again reads the keyring at most once a second', async () => {
  const { newProcess, clock } = await setUp();
  const foreign = await (await setUp(JSON.stringify({ kid: 'foreign', key: 'x'.repeat(64) })))
    .newProcess()
    .seal(new Redacted('token'), BINDING);
  const sealer = newProcess();
  const before = readings();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await expect(sealer.open(foreign, BINDING)).rejects.toThrow('"foreign"');
  }
  expect(readings() - before).toBe(1);
  clock.advance(1_000);
  await expect(sealer.open(foreign, BINDING)).rejects.toThrow(UnreadableValue);
  expect(readings() - before).toBe(2);
});

test('opening needs no Secrets Manager while the key is known, and sealing goes on with the key at hand', async () => {
  const { newProcess, clock } = await setUp();
  const sealer = newProcess();
  const sealed = await sealer.seal(new Redacted('token'), BINDING);
  proxy.inject('reset');
  clock.advance(3_600_000);
  expect((await sealer.open(sealed, BINDING)).reveal()).toBe('token');
  expect(kidOf(await sealer.seal(new Redacted('other'), BINDING))).toBe('initial');
});

test('without a keyring nothing is sealed or opened, and the next try after a second reads it', async () => {
  const { newProcess, clock } = await setUp();
  const sealed = await newProcess().seal(new Redacted('token'), BINDING);
  const cold = newProcess();
  proxy.inject('reset');
  await expect(cold.seal(new Redacted('token'), BINDING)).rejects.toThrow(StoreUnavailable);
  await expect(cold.open(sealed, BINDING)).rejects.toThrow(StoreUnavailable);
  proxy.heal();
  clock.advance(1_000);
  expect((await cold.open(sealed, BINDING)).reveal()).toBe('token');
});

test.each([
  ['not JSON', 'it is not JSON'],
  ['[]', 'look at current'],
  ['null', 'its outermost value'],
  ['{"kid":"initial","key":"short"}', 'look at'],
  ['{"current":"b","keys":{"a":{"k":"secret-looking","created":"2026-01-01T00:00:00Z"}}}', 'keys.a.k'],
  [`{"current":"b","keys":{"a":{"k":"${'A'.repeat(43)}","created":"2026-01-01T00:00:00Z"}}}`, 'current key'],
])('a malformed keyring is named, not shown: %s', async (text, problem) => {
  const sealing = (await setUp(text)).newProcess().seal(new Redacted('token'), BINDING);
  await expect(sealing).rejects.toThrow(UnreadableValue);
  await expect(sealing).rejects.toThrow(problem);
  await expect(sealing).rejects.not.toThrow('secret-looking');
});

test('a keyring that turns malformed does not stop a process that has a good one', async () => {
  const { newProcess, put, clock } = await setUp();
  const sealer = newProcess();
  const sealed = await sealer.seal(new Redacted('token'), BINDING);
  await put('spoilt');
  clock.advance(300_000);
  expect(kidOf(await sealer.seal(new Redacted('token'), BINDING))).toBe('initial');
  expect((await sealer.open(sealed, BINDING)).reveal()).toBe('token');
});

test('a keyring that does not exist is named', async () => {
  const manager = secretsManagerClient({ ...localAccess, endpoint: endpoint.origin });
  const sealer = createSealer(manager, { secret: 'no-such-keyring', clock: storeClock() });
  await expect(sealer.seal(new Redacted('token'), BINDING)).rejects.toThrow('no-such-keyring');
});
