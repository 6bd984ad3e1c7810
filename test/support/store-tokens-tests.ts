import { createHash, randomUUID } from 'node:crypto';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import type { ClosedConsent, OpenConsent, StartedConsent } from '../../shared/broker/ports.ts';
import { StoreUnavailable, UnreadableValue } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { Fault } from './fault-proxy.ts';
import type { StoreSuite } from './store-tests.ts';
import { aLongToken, aToken } from './stores.ts';

const CONSISTENT = { consistent: true };
const APPLIED: Fault[] = ['applied_then_reset', 'applied_then_500', 'applied_then_hang'];

export function tokensTests(suite: () => StoreSuite): void {
  afterEach(() => {
    suite().dynamodbProxy.heal();
    suite().dynamodbProxy.thawReads();
  });

  async function rawItem(pk: string) {
    const { stores, names } = suite();
    const command = new GetItemCommand({
      TableName: names.tokens,
      Key: { pk: { S: pk } },
      ConsistentRead: true,
    });
    return (await stores.dynamo.client.send(command)).Item!;
  }

  async function putRaw(item: Record<string, object>) {
    const { stores, names } = suite();
    await stores.dynamo.client.send(new PutItemCommand({ TableName: names.tokens, Item: item as never }));
  }

  test('a token that does not fit is not kept, and what else is known of its key is', async () => {
    const { stores, clock } = suite();
    const key = randomUUID();
    const lease = { id: randomUUID(), until: clock.now() + 30_000 };
    const taken = await stores.tokens.write(key, undefined, { lease });
    const forced = { at: clock.now(), by: 'somebody' };
    await stores.tokens.write(key, taken, { token: aLongToken(clock.now(), 400_000), forced });
    const read = await stores.tokens.read(key, CONSISTENT);
    expect(read).toStrictEqual({ forced, rev: expect.any(String) });
  });

  test('another process reads an entry as it was written', async () => {
    const { stores, faulty, clock } = suite();
    const now = clock.now();
    const entry = {
      token: aToken(now),
      lease: { id: randomUUID(), until: now + 30_000 },
      failure: {
        code: 'vendor_rejected' as const,
        description: 'BugSplat refused the client.',
        vendorError: 'invalid_client',
        secretVersion: 'v1',
        at: now,
        until: now + 2_000,
        count: 1,
      },
      forced: { at: now, by: 'somebody' },
    };
    const key = randomUUID();
    const stored = await stores.tokens.write(key, undefined, entry);
    const read = await faulty.tokens.read(key, CONSISTENT);
    expect(read).toEqual(stored);
    expect(read?.token?.accessToken.reveal()).toBe(entry.token.accessToken.reveal());
  });

  test('a key that was never written has no entry', async () => {
    expect(await suite().stores.tokens.read(randomUUID(), CONSISTENT)).toBeUndefined();
  });

  test('the access token is not in the item in plain text', async () => {
    const { stores, clock } = suite();
    const key = randomUUID();
    const token = aToken(clock.now());
    await stores.tokens.write(key, undefined, { token });
    expect(JSON.stringify(await rawItem(`token#${key}`))).not.toContain(token.accessToken.reveal());
  });

  test('of twenty first writes one is applied', async () => {
    const { stores, clock } = suite();
    const key = randomUUID();
    const writes = Array.from({ length: 20 }, () =>
      stores.tokens.write(key, undefined, { lease: { id: randomUUID(), until: clock.now() + 1_000 } }),
    );
    const won = (await Promise.all(writes)).filter((stored) => stored !== undefined);
    expect(won).toHaveLength(1);
    expect(await stores.tokens.read(key, CONSISTENT)).toEqual(won[0]);
  });

  test('of twenty writes that saw the same entry one is applied', async () => {
    const { stores, clock } = suite();
    const key = randomUUID();
    const seen = await stores.tokens.write(key, undefined, {});
    const writes = Array.from({ length: 20 }, () =>
      stores.tokens.write(key, seen, { lease: { id: randomUUID(), until: clock.now() + 1_000 } }),
    );
    expect((await Promise.all(writes)).filter((stored) => stored !== undefined)).toHaveLength(1);
  });

  test('an entry that was changed and changed back is not the one that was read', async () => {
    const { stores } = suite();
    const key = randomUUID();
    const seen = await stores.tokens.write(key, undefined, { forced: { at: 1 } });
    const between = await stores.tokens.write(key, seen, { forced: { at: 2 } });
    await stores.tokens.write(key, between, { forced: { at: 1 } });
    expect(await stores.tokens.write(key, seen, { forced: { at: 3 } })).toBeUndefined();
  });

  test('what is over is left out, and the entry can still be written over', async () => {
    const { stores, clock } = suite();
    const key = randomUUID();
    const now = clock.now();
    await stores.tokens.write(key, undefined, {
      token: aToken(now, { expiresAt: now + 60_000 }),
      lease: { id: randomUUID(), until: now + 30_000 },
      forced: { at: now, by: 'somebody' },
    });
    clock.advance(30_000);
    const withoutLease = await stores.tokens.read(key, CONSISTENT);
    expect(Object.keys(withoutLease!).sort()).toEqual(['forced', 'rev', 'token']);
    clock.advance(30_000);
    expect(Object.keys((await stores.tokens.read(key, CONSISTENT))!).sort()).toEqual(['forced', 'rev']);
    clock.advance(3_600_000);
    const empty = await stores.tokens.read(key, CONSISTENT);
    expect(Object.keys(empty!)).toEqual(['rev']);
    expect(await stores.tokens.write(key, empty, { token: aToken(clock.now()) })).toBeDefined();
  });

  test('an item lives in the table until the last of its times is over', async () => {
    const { stores, clock } = suite();
    const key = randomUUID();
    const token = aToken(clock.now());
    await stores.tokens.write(key, undefined, { token, lease: { id: 'x', until: clock.now() + 1 } });
    expect(Number((await rawItem(`token#${key}`)).ttl?.N)).toBe(
      Math.ceil((token.expiresAt + 300_000) / 1000),
    );
  });

  test('a stale read cannot overwrite what was written since', async () => {
    const { stores, faulty, dynamodbProxy, clock } = suite();
    const key = randomUUID();
    const first = await stores.tokens.write(key, undefined, { forced: { at: clock.now() } });
    dynamodbProxy.freezeReads();
    await faulty.tokens.read(key, { consistent: false });
    const second = await stores.tokens.write(key, first, { forced: { at: clock.now() + 1 } });
    const stale = await faulty.tokens.read(key, { consistent: false });
    expect(stale).toEqual(first);
    expect(await faulty.tokens.write(key, stale, {})).toBeUndefined();
    expect(await faulty.tokens.read(key, CONSISTENT)).toEqual(second);
  });

  test.each(APPLIED)('a first write that is repeated after %s recognises itself', async (fault) => {
    const { faulty, dynamodbProxy, clock } = suite();
    const key = randomUUID();
    dynamodbProxy.inject(fault, { operation: 'PutItem', times: 1 });
    const stored = await faulty.tokens.write(key, undefined, { token: aToken(clock.now()) });
    expect(stored).toBeDefined();
    expect(await faulty.tokens.read(key, CONSISTENT)).toEqual(stored);
  });

  test.each(APPLIED)('a later write that is repeated after %s recognises itself', async (fault) => {
    const { faulty, dynamodbProxy, clock } = suite();
    const key = randomUUID();
    const seen = await faulty.tokens.write(key, undefined, {});
    dynamodbProxy.inject(fault, { operation: 'PutItem', times: 1 });
    const stored = await faulty.tokens.write(key, seen, { token: aToken(clock.now()) });
    expect(stored).toBeDefined();
    expect(await faulty.tokens.read(key, CONSISTENT)).toEqual(stored);
  });

  test('a write that was delayed in transit changes nothing once another has come first', async () => {
    const { stores, faulty, dynamodbProxy, clock } = suite();
    const key = randomUUID();
    const seen = await stores.tokens.write(key, undefined, {});
    dynamodbProxy.inject('held', { operation: 'PutItem' });
    const lease = { id: randomUUID(), until: clock.now() + 30_000 };
    await expect(faulty.tokens.write(key, seen, { lease })).rejects.toThrow(StoreUnavailable);
    const winner = await stores.tokens.write(key, seen, { token: aToken(clock.now()) });
    await dynamodbProxy.release();
    expect(await stores.tokens.read(key, CONSISTENT)).toEqual(winner);
  });

  test.each(['reset', 'hang', 'throttle', 'error_500'] as const)(
    'an endpoint that answers with %s is unavailable',
    async (fault) => {
      const { faulty, dynamodbProxy } = suite();
      dynamodbProxy.inject(fault);
      const read = faulty.tokens.read(randomUUID(), CONSISTENT);
      const write = faulty.tokens.write(randomUUID(), undefined, {});
      await Promise.all([read, write].map((each) => expect(each).rejects.toThrow(StoreUnavailable)));
    },
  );

  test('a passing fault is outlasted', async () => {
    const { faulty, dynamodbProxy } = suite();
    dynamodbProxy.inject('reset', { times: 1 });
    expect(await faulty.tokens.read(randomUUID(), CONSISTENT)).toBeUndefined();
  });

  test('a table hit costs one GetItem, and a write one PutItem', async () => {
    const { faulty, dynamodbProxy, clock } = suite();
    const key = randomUUID();
    const before = new Map(dynamodbProxy.seen);
    const count = (operation: string) =>
      (dynamodbProxy.seen.get(operation) ?? 0) - (before.get(operation) ?? 0);
    await faulty.tokens.write(key, undefined, { token: aToken(clock.now()) });
    expect([count('PutItem'), count('GetItem')]).toEqual([1, 0]);
    await faulty.tokens.read(key, { consistent: false });
    expect([count('PutItem'), count('GetItem')]).toEqual([1, 1]);
    expect([...dynamodbProxy.seen.keys()].sort()).not.toContain('Scan');
  });

  test('a sealed token that was copied onto another item does not open, and is told of', async () => {
    const { stores, clock } = suite();
    const [from, to] = [randomUUID(), randomUUID()];
    await stores.tokens.write(from, undefined, { token: aToken(clock.now()) });
    await putRaw({ ...(await rawItem(`token#${from}`)), pk: { S: `token#${to}` } });
    const { rev, ...rest } = (await stores.tokens.read(to, CONSISTENT))!;
    expect(rest).toEqual({ unreadable: expect.stringContaining(`token#${to}`) });
    const sound = await stores.tokens.read(from, CONSISTENT);
    expect(sound).toMatchObject({ token: { scope: 'symbols' } });
    expect(sound).not.toHaveProperty('unreadable');
    expect(await stores.tokens.write(to, { rev }, { token: aToken(clock.now()) })).toBeDefined();
  });

  test('an item in a foreign form is unreadable, and the error names the attribute', async () => {
    const key = randomUUID();
    await putRaw({ pk: { S: `token#${key}` }, rev: { S: 'r' }, lease: { M: { id: { S: 'x' } } } });
    const reading = suite().stores.tokens.read(key, CONSISTENT);
    await expect(reading).rejects.toThrow(UnreadableValue);
    await expect(reading).rejects.toThrow('lease.until');
  });

  test('the remembered refusal of a client comes back, and is compared and set', async () => {
    const { stores, clock } = suite();
    const now = clock.now();
    const failure = {
      code: 'vendor_rejected' as const,
      description: 'No.',
      at: now,
      until: now + 2_000,
      count: 1,
    };
    const connection = `crash-${randomUUID()}`;
    expect(await stores.refusals.read(connection)).toBeUndefined();
    const first = await stores.refusals.write(connection, undefined, { secretVersion: 'v1', failure });
    expect(await stores.refusals.read(connection)).toEqual(first);
    const second = await stores.refusals.write(connection, first, { secretVersion: 'v2', failure });
    expect(await stores.refusals.write(connection, first, { secretVersion: 'v3', failure })).toBeUndefined();
    expect(await stores.refusals.read(connection)).toEqual(second);
  });

  test('a connection, a consent and a cache key of the same name are three entries', async () => {
    const { stores, clock } = suite();
    const id = randomUUID();
    await stores.tokens.write(id, undefined, { token: aToken(clock.now()) });
    expect(await stores.refusals.read(id)).toBeUndefined();
    expect(await stores.consents.read(id)).toBeUndefined();
  });

  test('an open consent of either kind comes back whole, and the table holds neither its id nor its secret', async () => {
    const { stores, clock } = suite();
    const code = codeConsent(clock.now());
    const device = deviceConsent(clock.now());
    const cases = [
      [code, [code.codeVerifier]],
      [device, [device.deviceCode, device.userCode, device.verificationUriComplete]],
    ] as const;
    for (const [consent, secrets] of cases) {
      const id = randomUUID();
      const stored = await stores.consents.write<OpenConsent>(id, undefined, consent);
      expect(await stores.consents.read(id)).toEqual(stored);
      const raw = JSON.stringify(await rawItem(consentKey(id)));
      expect(raw).not.toContain(id);
      for (const secret of secrets) expect(raw).not.toContain(secret.reveal());
    }
  });

  test('a consent past its time reads as expired, without its secrets, and keeps its outcome', async () => {
    const { stores, clock } = suite();
    const [code, device, denied] = [randomUUID(), randomUUID(), randomUUID()];
    await stores.consents.write(code, undefined, codeConsent(clock.now()));
    await stores.consents.write(device, undefined, deviceConsent(clock.now()));
    const closed = { ...started(clock.now()), kind: 'closed', status: 'denied', outcome: 'No.' } as const;
    await stores.consents.write<ClosedConsent>(denied, undefined, closed);
    clock.advance(600_000);
    for (const id of [code, device]) {
      const late = await stores.consents.read(id);
      expect(late).toEqual({
        ...started(clock.now() - 600_000),
        kind: 'closed',
        status: 'expired',
        rev: expect.any(String),
      });
      expect(
        await stores.consents.write<ClosedConsent>(id, late, { ...closed, outcome: 'Late.' }),
      ).toBeDefined();
    }
    expect(await stores.consents.read(denied)).toMatchObject(closed);
  });

  test("a consent's verifier does not open as the device code of the same item", async () => {
    const { stores, clock } = suite();
    const id = randomUUID();
    await stores.consents.write(id, undefined, codeConsent(clock.now()));
    const { code_verifier: verifier } = await rawItem(consentKey(id));
    await stores.consents.write(id, await stores.consents.read(id), deviceConsent(clock.now()));
    await putRaw({ ...(await rawItem(consentKey(id))), device_code: verifier! });
    await expect(stores.consents.read(id)).rejects.toThrow(UnreadableValue);
  });
}

function consentKey(id: string): string {
  return `consent#${createHash('sha256').update(id).digest('base64url')}`;
}

function started(now: number): StartedConsent {
  return {
    connection: 'logs-portal',
    subject: 'default',
    replace: false,
    startedBy: 'arn:aws:iam::111122223333:role/admin',
    expiresAt: now + 600_000,
    endpoints: { issuer: 'https://vendor.example', tokenEndpoint: 'https://vendor.example/token' },
    scopes: ['read', 'write'],
    browser: 'hash-of-what-the-browser-holds',
    returnTo: 'https://portal.example/done',
  };
}

function codeConsent(now: number) {
  return {
    ...started(now),
    kind: 'code',
    status: 'pending',
    authorizationUrl: 'https://vendor.example/authorize?client_id=broker',
    redirectUri: 'https://broker.example/callback',
    codeVerifier: new Redacted(`verifier-${randomUUID()}`),
  } as const satisfies OpenConsent;
}

function deviceConsent(now: number) {
  return {
    ...started(now),
    kind: 'device',
    status: 'pending',
    userCode: new Redacted(`user-code-${randomUUID()}`),
    verificationUri: 'https://vendor.example/device',
    verificationUriComplete: new Redacted(`https://vendor.example/device?code=${randomUUID()}`),
    deviceCode: new Redacted(`device-${randomUUID()}`),
    interval: 5,
    nextPollAt: now + 5_000,
  } as const satisfies OpenConsent;
}
