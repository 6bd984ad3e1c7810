import { randomUUID } from 'node:crypto';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test } from 'vitest';
import { kidsInUse } from '../../shared/aws/grants-table.ts';
import { parseKeyring, rotated, serializeKeyring } from '../../shared/aws/keyring.ts';
import type { Grant, GrantKey } from '../../shared/broker/ports.ts';
import { StoreUnavailable, UnreadableValue } from '../../shared/contract/errors.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { Fault } from './fault-proxy.ts';
import type { StoreSuite } from './store-tests.ts';
import { aGrant, aLongToken, aToken, type StoreNames, type Stores } from './stores.ts';

const APPLIED: Fault[] = ['applied_then_reset', 'applied_then_500', 'applied_then_hang'];

/** Longest subject that there may be: 256 characters of four bytes. */
const LONGEST = '🔑'.repeat(253);

export function grantsTests(suite: () => StoreSuite): void {
  afterEach(() => {
    suite().dynamodbProxy.heal();
    suite().dynamodbProxy.thawReads();
  });

  async function rawItem({ connection, subject }: GrantKey) {
    const { stores, names } = suite();
    const Key = { connection: { S: connection }, subject: { S: subject } };
    const command = new GetItemCommand({ TableName: names.grants, Key, ConsistentRead: true });
    return (await stores.dynamo.client.send(command)).Item!;
  }

  async function putRaw(item: Record<string, object>) {
    const { stores, names } = suite();
    await stores.dynamo.client.send(new PutItemCommand({ TableName: names.grants, Item: item as never }));
  }

  test('another process reads a grant as it was written, and no token of it is in plain text', async () => {
    const { stores, faulty, clock } = suite();
    const now = clock.now();
    const grant = aGrant(now, {
      tokens: { '': aToken(now), 'read write': aToken(now), __proto__x: aToken(now) },
      lease: { id: randomUUID(), until: now + 30_000 },
      attempts: [randomUUID(), randomUUID()],
      lastAttempt: randomUUID(),
      binding: { issuer: 'https://vendor.example', tokenEndpoint: 'https://vendor.example/t', clientId: 'c' },
      redirectUri: 'https://broker.example/callback',
      lastRefreshAt: now,
      refreshTokenEndsAt: now + 86_400_000,
      lastFailure: { code: 'vendor_unavailable', description: '503', at: now, until: now, count: 2 },
      failures: {
        read: { code: 'vendor_rejected', description: '400', at: now, until: now, count: 1, since: now },
      },
      forced: { read: { at: now, by: 'somebody' } },
    });
    const stored = await stores.grants.write(undefined, grant);
    const read = await faulty.grants.read(grant);
    expect(read).toEqual(stored);
    expect(read?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
    expect(read?.tokens['']?.accessToken.reveal()).toBe(grant.tokens['']?.accessToken.reveal());
    const raw = JSON.stringify(await rawItem(grant));
    for (const { accessToken } of Object.values(grant.tokens))
      expect(raw).not.toContain(accessToken.reveal());
    expect(raw).not.toContain(grant.refreshToken?.reveal());
    expect(raw).not.toContain('"ttl"');
  });

  test('the access tokens that fit are kept, the newest first, and the refresh token whatever came with it', async () => {
    const { stores, clock } = suite();
    const now = clock.now();
    const scopes = Array.from({ length: 64 }, (_, index) => String(index));
    const small = scopes.map((scope) => [scope, aLongToken(now, 8_000, now + Number(scope))]);
    const tokens = { ...Object.fromEntries(small), huge: aLongToken(now, 400_000, now + 99) };
    const grant = aGrant(now, { tokens });
    const stored = await stores.grants.write(undefined, grant);
    const read = await stores.grants.read(grant);
    expect(read).toEqual(stored);
    expect(read?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
    const kept = Object.keys(read!.tokens).map(Number);
    expect(kept.length).toBeGreaterThan(16);
    expect(Math.min(...kept)).toBe(64 - kept.length);
  });

  test('a refresh token that fits in no company is written alone', async () => {
    const { stores, clock } = suite();
    const now = clock.now();
    const tokens = Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e'].map((scope) => [scope, aLongToken(now, 36_000)]),
    );
    const grant = aGrant(now, { tokens, refreshToken: new Redacted('r'.repeat(150_000)) });
    expect(await stores.grants.write(undefined, grant)).toMatchObject({ rev: expect.any(String) });
    const read = await stores.grants.read(grant);
    expect(read?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
    expect(read?.tokens).toStrictEqual({});
  });

  test('a grant without a refresh token comes back without one', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now(), { refreshToken: undefined });
    await stores.grants.write(undefined, grant);
    expect(await stores.grants.read(grant)).not.toHaveProperty('refreshToken');
  });

  test('an access token that has expired is left out, and the rest of the grant is not', async () => {
    const { stores, clock } = suite();
    const now = clock.now();
    const tokens = { old: aToken(now, { expiresAt: now + 1_000 }), young: aToken(now) };
    const grant = aGrant(now, { tokens });
    await stores.grants.write(undefined, grant);
    clock.advance(1_000);
    const read = await stores.grants.read(grant);
    expect(Object.keys(read!.tokens)).toEqual(['young']);
    expect(read?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
  });

  test('a grant is read as it is now, also where reads may be stale', async () => {
    const { stores, faulty, dynamodbProxy, clock } = suite();
    const grant = aGrant(clock.now());
    const first = await stores.grants.write(undefined, grant);
    dynamodbProxy.freezeReads();
    expect(await faulty.grants.read(grant)).toEqual(first);
    const second = await stores.grants.write(first, { ...grant, refreshToken: new Redacted('rotated') });
    expect((await faulty.grants.read(grant))?.rev).toBe(second?.rev);
  });

  test('a write that changes no token leaves the sealed ones as they are', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now(), { tokens: { read: aToken(clock.now()) } });
    await stores.grants.write(undefined, grant);
    const before = await rawItem(grant);
    const seen = await stores.grants.read(grant);
    await stores.grants.write(seen, { ...seen!, attempts: [randomUUID()] });
    const after = await rawItem(grant);
    expect([after.refresh_token, after.tokens]).toEqual([before.refresh_token, before.tokens]);
    expect(after.rev).not.toEqual(before.rev);
  });

  test('of twenty writes that saw the same grant one is applied', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now());
    const seen = await stores.grants.write(undefined, grant);
    const writes = Array.from({ length: 20 }, () =>
      stores.grants.write(seen, { ...grant, attempts: [randomUUID()] }),
    );
    const won = (await Promise.all(writes)).filter((stored) => stored !== undefined);
    expect(won).toHaveLength(1);
    expect((await stores.grants.read(grant))?.attempts).toEqual(won[0]?.attempts);
  });

  test('a write names the generation that it saw, beside the revision', async () => {
    const { stores, clock } = suite();
    const seen = (await stores.grants.write(undefined, aGrant(clock.now())))!;
    expect(await stores.grants.write({ ...seen, generation: randomUUID() }, seen)).toBeUndefined();
    expect(await stores.grants.remove({ ...seen, generation: randomUUID() })).toBe(false);
    const next = await stores.grants.write(seen, { ...seen, generation: randomUUID() });
    expect(await stores.grants.write(seen, seen)).toBeUndefined();
    expect(await stores.grants.remove(seen)).toBe(false);
    expect(await stores.grants.read(seen)).toEqual(next);
  });

  test('a grant that exists is not created again', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now());
    await stores.grants.write(undefined, grant);
    expect(await stores.grants.write(undefined, { ...grant, generation: randomUUID() })).toBeUndefined();
  });

  test.each(APPLIED)(
    'a grant whose creation, write and removal are repeated after %s is none the worse',
    async (fault) => {
      const { faulty, dynamodbProxy, clock } = suite();
      const grant = aGrant(clock.now());
      dynamodbProxy.inject(fault, { operation: 'PutItem', times: 1 });
      const created = await faulty.grants.write(undefined, grant);
      expect(await faulty.grants.read(grant)).toEqual(created);
      dynamodbProxy.inject(fault, { operation: 'PutItem', times: 1 });
      const rotated = await faulty.grants.write(created, { ...grant, refreshToken: new Redacted('rotated') });
      expect(await faulty.grants.read(grant)).toEqual(rotated);
      dynamodbProxy.inject(fault, { operation: 'DeleteItem', times: 1 });
      expect(await faulty.grants.remove(rotated!)).toBe(true);
      expect(await faulty.grants.read(grant)).toBeUndefined();
    },
  );

  test('a commit that was delayed in transit does not undo the revocation that came first', async () => {
    const { stores, faulty, dynamodbProxy, clock } = suite();
    const grant = aGrant(clock.now());
    const seen = await stores.grants.write(undefined, grant);
    dynamodbProxy.inject('held', { operation: 'PutItem' });
    await expect(faulty.grants.write(seen, { ...grant, lastAttempt: 'late' })).rejects.toThrow(
      StoreUnavailable,
    );
    const revoked = await stores.grants.write(seen, {
      ...grant,
      generation: randomUUID(),
      status: 'revoked',
    });
    await dynamodbProxy.release();
    expect(await stores.grants.read(grant)).toEqual(revoked);
  });

  test.each(['reset', 'hang', 'throttle', 'error_500'] as const)(
    'an endpoint that answers with %s is unavailable for every operation',
    async (fault) => {
      const { stores, faulty, dynamodbProxy, clock } = suite();
      const seen = (await stores.grants.write(undefined, aGrant(clock.now())))!;
      dynamodbProxy.inject(fault);
      await Promise.all(
        [
          faulty.grants.read(seen),
          faulty.grants.write(seen, seen),
          faulty.grants.remove(seen),
          faulty.grants.due(0, clock.now(), 10),
          faulty.grants.outlines(seen.connection, 10),
          faulty.grants.outline(seen),
        ].map((operation) => expect(operation).rejects.toThrow(StoreUnavailable)),
      );
    },
  );

  test('subjects that look alike are different grants', async () => {
    const { stores, clock } = suite();
    const subjects = [
      'é',
      'e\u0301',
      'E\u0301',
      ' a',
      'a ',
      'a',
      'a\u200b',
      '["',
      '"],["',
      'a#b',
      '__proto__',
      LONGEST,
    ];
    const connection = `odd-${randomUUID()}`;
    for (const subject of subjects) {
      await stores.grants.write(
        undefined,
        aGrant(clock.now(), { connection, subject, consentedBy: `by ${subject}` }),
      );
    }
    for (const subject of subjects) {
      expect(await stores.grants.read({ connection, subject })).toMatchObject({
        subject,
        consentedBy: `by ${subject}`,
      });
    }
    expect(await stores.grants.outlines(connection, 100)).toHaveLength(subjects.length);
  });

  test("a grant's tokens do not open on another grant", async () => {
    const { stores, clock } = suite();
    const [one, other] = [aGrant(clock.now()), aGrant(clock.now())];
    await stores.grants.write(undefined, one);
    await putRaw({ ...(await rawItem(one)), subject: { S: other.subject } });
    await expect(stores.grants.read(other)).rejects.toThrow(UnreadableValue);
  });

  test('a token of an older generation does not open, and the item is left as it is', async () => {
    const { stores, clock } = suite();
    const grant = aGrant(clock.now());
    const old = await stores.grants.write(undefined, grant);
    const rolledBack = (await rawItem(grant)).refresh_token!;
    await stores.grants.write(old, {
      ...grant,
      generation: randomUUID(),
      refreshToken: new Redacted('newer'),
    });
    const forged = { ...(await rawItem(grant)), refresh_token: rolledBack };
    await putRaw(forged);
    await expect(stores.grants.read(grant)).rejects.toThrow(UnreadableValue);
    expect(await rawItem(grant)).toEqual(forged);
  });

  test('an access token does not open in the place of another scope or of the refresh token', async () => {
    const { stores, clock } = suite();
    const tokens = { read: aToken(clock.now()), write: aToken(clock.now()) };
    const grant = aGrant(clock.now(), { tokens });
    await stores.grants.write(undefined, grant);
    const item = await rawItem(grant);
    const [read, write] = item.tokens!.L!.map(({ M }) => M!);
    const swapped = [{ M: { ...read, sealed: write!.sealed! } }, { M: { ...write, sealed: read!.sealed! } }];
    await putRaw({ ...item, tokens: { L: swapped } });
    await expect(stores.grants.read(grant)).rejects.toThrow(UnreadableValue);
    await putRaw({ ...item, refresh_token: read!.sealed! });
    await expect(stores.grants.read(grant)).rejects.toThrow(UnreadableValue);
  });

  test('the due index gives the keys of one shard, soonest first, up to the limit and up to now', async () => {
    const { stores } = await suite().fresh();
    const now = suite().clock.now();
    const grants = Array.from({ length: 40 }, (_, index) => aGrant(now, { dueAt: now + ((index * 7) % 40) }));
    await writeAll(stores, grants);
    const shards = await Promise.all([0, 1, 2, 3].map((shard) => stores.grants.due(shard, now + 19, 100)));
    const due = grants.filter((grant) => grant.dueAt <= now + 19);
    expect(
      shards
        .flat()
        .map((key) => key.subject)
        .sort(),
    ).toEqual(due.map((grant) => grant.subject).sort());
    const dueAt = new Map(grants.map((grant) => [grant.subject, grant.dueAt]));
    for (const keys of shards) {
      expect(keys.length).toBeGreaterThan(0);
      const times = keys.map((key) => dueAt.get(key.subject)!);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
    expect(await stores.grants.due(0, now + 100, 3)).toEqual(
      (await stores.grants.due(0, now + 100, 100)).slice(0, 3),
    );
  });

  test('a removed grant is no longer due', async () => {
    const { stores } = await suite().fresh();
    const now = suite().clock.now();
    const stored = await stores.grants.write(undefined, aGrant(now, { dueAt: now }));
    await stores.grants.remove(stored!);
    const shards = await Promise.all([0, 1, 2, 3].map((shard) => stores.grants.due(shard, now, 10)));
    expect(shards.flat()).toEqual([]);
  });

  test('outlines, due keys and keys in use are complete beyond one page of 1 MB', {
    timeout: 300_000,
  }, async () => {
    const { stores, names } = await suite().fresh({ shards: 1 });
    const now = suite().clock.now();
    const states: Partial<Grant>[] = [
      { status: 'active' },
      { status: 'active', attempts: ['unresolved'] },
      { status: 'consent_required' },
      { status: 'revoked', refreshToken: undefined },
    ];
    const grants = Array.from({ length: 1_200 }, (_, index) =>
      aGrant(now, { ...states[index % 4], subject: `${LONGEST}${index.toString(36)}`, dueAt: now }),
    );
    await writeAll(stores, grants);
    const outlines = await stores.grants.outlines('logs-portal', 10_000);
    expect(outlines).toHaveLength(1_200);
    const { connection, subject, generation, status, attempts, binding, scopes } = outlines[0]!;
    const whole = await stores.grants.read({ connection, subject });
    expect(whole).toMatchObject({ generation, status, attempts, binding, scopes });
    expect(await stores.grants.outlines('logs-portal', 7)).toHaveLength(7);
    const due = await stores.grants.due(0, now, 10_000);
    expect(new Set(due.map((key) => key.subject)).size).toBe(1_200);
    expect(Buffer.byteLength(JSON.stringify(due))).toBeGreaterThan(2 ** 20);

    const rotated = await rotateKeyring(stores, names);
    suite().clock.advance(300_000);
    const seen = await stores.grants.read(due[0]!);
    await stores.grants.write(seen, { ...seen!, refreshToken: new Redacted('new'), dueAt: now + 1_000_000 });
    expect(await kidsInUse(stores.dynamo, names.grants)).toEqual(new Set(['initial', rotated]));
  });

  test('grants of every state still open after the keyring has rotated, and their keys count as in use', async () => {
    const { stores, names } = await suite().fresh();
    const clock = suite().clock;
    const states = ['active', 'consent_required', 'revoked'] as const;
    const grants = states.map((status) =>
      aGrant(clock.now(), { status, tokens: { read: aToken(clock.now()) }, dueAt: clock.now() + 10 ** 12 }),
    );
    await writeAll(stores, grants);
    const rotated = await rotateKeyring(stores, names);
    clock.advance(300_000);
    for (const grant of grants) {
      const read = await stores.grants.read(grant);
      expect(read?.refreshToken?.reveal()).toBe(grant.refreshToken?.reveal());
    }
    expect(await kidsInUse(stores.dynamo, names.grants)).toEqual(new Set(['initial']));
    for (const grant of grants) {
      const read = await stores.grants.read(grant);
      await stores.grants.write(read, read!);
    }
    expect(await kidsInUse(stores.dynamo, names.grants)).toEqual(new Set([rotated]));
  });

  test('a key under which a rescue may be sealed counts as in use until the attempts are resolved', async () => {
    const { stores, names } = await suite().fresh();
    const attempts = ['unresolved'];
    const grant = aGrant(suite().clock.now(), { attempts });
    await stores.grants.write(undefined, grant);
    const rotated = await rotateKeyring(stores, names);
    suite().clock.advance(300_000);
    const seen = await stores.grants.read(grant);
    await stores.grants.write(seen, { ...seen!, attempts: [...attempts, 'another'] });
    expect(await kidsInUse(stores.dynamo, names.grants)).toEqual(new Set(['initial', rotated]));
    const again = await stores.grants.read(grant);
    await stores.grants.write(again, { ...again!, attempts: [] });
    expect(await kidsInUse(stores.dynamo, names.grants)).toEqual(new Set([rotated]));
  });
}

/** Puts a new current key into the keyring, as two rotations do. */
async function rotateKeyring({ manager }: Stores, { keyring }: StoreNames): Promise<string> {
  const answer = await manager.client.send(new GetSecretValueCommand({ SecretId: keyring }));
  const ring = rotated(rotated(parseKeyring(new Redacted(answer.SecretString!)), Date.now()), Date.now());
  const value = serializeKeyring(ring, Date.now()).reveal();
  await manager.client.send(new PutSecretValueCommand({ SecretId: keyring, SecretString: value }));
  return ring.current;
}

/** In batches: the SDK holds at most fifty connections. */
async function writeAll(stores: Stores, grants: Grant[]): Promise<void> {
  for (let start = 0; start < grants.length; start += 25) {
    const batch = grants.slice(start, start + 25).map((grant) => stores.grants.write(undefined, grant));
    expect(await Promise.all(batch)).not.toContain(undefined);
  }
}
