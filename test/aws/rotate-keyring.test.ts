import { randomBytes, randomUUID } from 'node:crypto';
import { GetSecretValueCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kidsInUse } from '../../shared/aws/grants-table.ts';
import { type Keyring, parseKeyring, serializeKeyring } from '../../shared/aws/keyring.ts';
import { keyringRotation } from '../../shared/aws/rotate-keyring.ts';
import { StoreUnavailable } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type StoreEndpoint, startStoreEndpoint } from '../support/store-endpoint.ts';
import { aGrant, createStores, openStores, storeClock } from '../support/stores.ts';

const DAY = 86_400_000;
const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];

let endpoint: StoreEndpoint;
beforeAll(async () => {
  endpoint = await startStoreEndpoint();
});
afterAll(() => endpoint.close());

async function setUp() {
  const origins = { dynamodb: endpoint.origin, secretsManager: endpoint.origin };
  const names = await createStores(origins);
  const clock = storeClock();
  const stores = openStores(origins, names, clock);
  const parts = { manager: stores.manager, dynamo: stores.dynamo, grantsTable: names.grants, clock };
  const readKeyring = async (): Promise<Keyring> => {
    const { SecretString } = await stores.manager.client.send(
      new GetSecretValueCommand({ SecretId: names.keyring }),
    );
    return parseKeyring(new Redacted(SecretString!));
  };
  /** As Secrets Manager does: the steps in turn, under one token. */
  const rotate = async (steps = STEPS, token: string = randomUUID()) => {
    for (const Step of steps) {
      await keyringRotation(parts)({ Step, SecretId: names.keyring, ClientRequestToken: token });
    }
    return readKeyring();
  };
  return { origins, names, clock, stores, parts, readKeyring, rotate };
}

test.each(
  [STEPS.slice(), ['create_secret', 'set_secret', 'test_secret', 'finish_secret']].map((steps) => [steps]),
)(
  'the steps %j publish a key, then make it current; every process opens what was sealed before and after',
  async (steps) => {
    const { origins, names, clock, stores, rotate } = await setUp();
    const [before, after] = [aGrant(clock.now()), aGrant(clock.now())];
    await stores.grants.write(undefined, before);
    const { next } = await rotate(steps);
    const ring = await rotate(steps);
    expect(ring.current).toBe(next);
    expect([...ring.keys.keys()]).toEqual(['initial', ring.current, ring.next]);
    clock.advance(300_000);
    await stores.grants.write(undefined, after);
    for (const process of [stores, openStores(origins, names, clock)]) {
      for (const grant of [before, after]) {
        expect((await process.grants.read(grant))?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
      }
    }
  },
);

test('a process that reads the keyring of before a rotation opens what is sealed after it', async () => {
  const { origins, names, clock, stores, rotate } = await setUp();
  await rotate();
  const proxy = await startFaultProxy(endpoint.origin);
  proxy.freezeReads();
  const behind = openStores({ ...origins, secretsManager: proxy.origin }, names, clock);
  await behind.grants.write(undefined, aGrant(clock.now()));
  const { current } = await rotate();
  clock.advance(300_000);
  const grant = aGrant(clock.now());
  await stores.grants.write(undefined, grant);
  expect(await kidsInUse(stores.dynamo, names.grants)).toContain(current);
  expect((await behind.grants.read(grant))?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
  await proxy.close();
});

test('a rotation whose steps are repeated makes one key', async () => {
  const { rotate } = await setUp();
  const ring = await rotate(['createSecret', 'createSecret', 'finishSecret', 'finishSecret']);
  expect(ring.keys.size).toBe(2);
});

test('until its last step a rotation changes nothing', async () => {
  const { rotate } = await setUp();
  expect((await rotate(['createSecret', 'setSecret', 'testSecret'])).current).toBe('initial');
});

test('in years of monthly rotations a key goes only when no grant is sealed under it', async () => {
  const { clock, stores, rotate } = await setUp();
  const idle = aGrant(clock.now(), { status: 'consent_required', dueAt: clock.now() + 10_000 * DAY });
  const busy = aGrant(clock.now());
  await stores.grants.write(undefined, idle);
  await stores.grants.write(undefined, busy);
  for (let month = 0; month < 24; month += 1) {
    const ring = await rotate();
    expect(ring.keys.has('initial')).toBe(true);
    expect(ring.keys.size).toBeLessThanOrEqual(4);
    clock.advance(30 * DAY);
    const read = await stores.grants.read(busy);
    await stores.grants.write(read, read!);
    expect((await stores.grants.read(idle))?.refreshToken?.reveal()).toBe(idle.refreshToken?.reveal());
  }
  const last = await stores.grants.read(idle);
  await stores.grants.write(last, last!);
  expect((await rotate()).keys.has('initial')).toBe(false);
  expect((await stores.grants.read(idle))?.refreshToken?.reveal()).toBe(idle.refreshToken?.reveal());
});

test('no key is dropped, and no keyring made, while the grants cannot be looked at', async () => {
  const { origins, names, clock, stores, parts, readKeyring } = await setUp();
  const proxy = await startFaultProxy(endpoint.origin);
  proxy.inject('reset');
  const { dynamo } = openStores({ ...origins, dynamodb: proxy.origin }, names, clock);
  const rotation = keyringRotation({ ...parts, dynamo });
  const token = randomUUID();
  const event = { Step: 'createSecret', SecretId: names.keyring, ClientRequestToken: token };
  await expect(rotation(event)).rejects.toThrow(StoreUnavailable);
  const version = new GetSecretValueCommand({ SecretId: names.keyring, VersionId: token });
  await expect(stores.manager.client.send(version)).rejects.toThrow();
  expect((await readKeyring()).keys.size).toBe(1);
  await proxy.close();
});

test('a keyring that was put by hand is rotated like any other', async () => {
  const { names, clock, stores, rotate } = await setUp();
  const key = { k: new Redacted(randomBytes(32).toString('base64url')), created: clock.now() };
  const value = serializeKeyring({ current: 'mine', keys: new Map([['mine', key]]) }, clock.now()).reveal();
  await stores.manager.client.send(
    new PutSecretValueCommand({ SecretId: names.keyring, SecretString: value }),
  );
  expect([...(await rotate()).keys.keys()][0]).toBe('mine');
});
