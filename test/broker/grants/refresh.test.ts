import { beforeEach, describe, expect, test } from 'vitest';
import type { FaultOrder } from '../../../functions/simulator/fault-plan.ts';
import type { Connection } from '../../../shared/connections/connection.ts';
import { VENDORS } from '../../../shared/vendors/index.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
import {
  type GrantProcess,
  grantProcess,
  portal,
  quick,
  redirecting,
  untilDue,
} from '../../support/grants.ts';
import { json, startHttpPeer } from '../../support/http-peer.ts';

const world = brokerWorld();

/** The strictest vendor: a refresh token works once, and coming again it ends everything. */
beforeEach(() => {
  world.vendors.bugfender.set({ reuse_detection: true });
  world.vendors.bipsync.set({ reuse_detection: true });
});

/** A process with one grant that is due for renewal. */
async function due(): Promise<GrantProcess> {
  const process = grantProcess(world, await portal(world), { timing: quick });
  await process.consent();
  untilDue(world);
  world.vendors.bugfender.counters.reset();
  return process;
}

const refreshes = (name: 'bugfender' | 'bipsync' = 'bugfender') =>
  world.vendors[name].counters.received('token', 'refresh_token');

function misbehave(order: FaultOrder): void {
  world.vendors.bugfender.setFault({ endpoint: 'token', grant_type: 'refresh_token', ...order });
}

/** The lease of a refresh that came to nothing is over. */
const pastTheLease = () => world.clock.advance(31_000);

/** Renews once more, to see that the vendor still honours what is stored. */
async function expectAlive(process: GrantProcess): Promise<void> {
  world.vendors.bugfender.setFault();
  pastTheLease();
  world.clock.advance(86_400_000);
  expect(await process.token()).toMatchObject({ source: 'vendor' });
  expect(world.vendors.bugfender.counters.snapshot().family_burns).toBe(0);
  expect(await process.describe()).toMatchObject({ grant_status: 'active' });
}

describe('an answer', () => {
  test('with a new refresh token and a new access token replaces both, in two writes', async () => {
    const process = await due();
    const before = await process.grant();
    const writes = world.dynamodb.seen.get('PutItem') ?? 0;
    const answer = await process.token();
    expect(world.dynamodb.seen.get('PutItem')! - writes).toBe(2);
    expect(answer).toMatchObject({ source: 'vendor', token_type: 'Bearer' });
    const after = await process.grant();
    expect(after.refreshToken?.reveal()).not.toBe(before.refreshToken?.reveal());
    expect(after).toMatchObject({ generation: before.generation, attempts: [], status: 'active' });
    expect(after.lease).toBeUndefined();
    expect(process.changes().slice(-1)).toEqual(['refreshed']);
    await expectAlive(process);
  });

  test.each<[string, unknown]>([
    ['without', undefined],
    ['with an empty', ''],
    ['with a null', null],
    ['with a numeric', 5],
  ])('%s refresh_token keeps the one that is stored', async (_, value) => {
    const process = await due();
    const before = (await process.grant()).refreshToken?.reveal();
    misbehave({ fault: 'odd_member', member: 'refresh_token', ...(value !== undefined && { value }) });
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect((await process.grant()).refreshToken?.reveal()).toBe(before);
    await expectAlive(process);
  });

  test.each<[string, FaultOrder, number]>([
    ['without expires_in', { fault: 'odd_member', member: 'expires_in' }, 3_600],
    ['with a wordy expires_in', { fault: 'odd_member', member: 'expires_in', value: 'soon' }, 3_600],
    ['with a negative expires_in', { fault: 'odd_member', member: 'expires_in', value: -1 }, 3_600],
    ['with expires_in as text', { fault: 'odd_member', member: 'expires_in', value: '600' }, 600],
    ['with expires_in beyond a day', { fault: 'odd_member', member: 'expires_in', value: 1e9 }, 86_400],
    ['without token_type', { fault: 'odd_member', member: 'token_type' }, 3_600],
    ['with status 201', { fault: 'created' }, 3_600],
    ['with a narrower scope', { fault: 'odd_member', member: 'scope', value: 'less' }, 3_600],
  ])('%s is used, and its refresh token kept', async (_, order, life) => {
    const process = await due();
    misbehave(order);
    const answer = await process.token();
    expect((Date.parse(answer.expires_at) - Date.parse(answer.minted_at)) / 1000).toBe(life);
    if (order.member === 'scope') expect(answer.scope).toBe('less');
    await expectAlive(process);
  });

  test('with a token that has ended already is told, and the vendor is left alone for a while', async () => {
    const process = await due();
    world.clock.advance(200_000);
    misbehave({ fault: 'odd_member', member: 'expires_in', value: 0.001, times: 0 });
    for (let request = 0; request < 50; request += 1) {
      expect((await refusal(process.token())).error).toBe('vendor_unavailable');
    }
    expect(refreshes()).toBeLessThan(5);
    expect((await process.grant()).status).toBe('active');
  });

  test.each<[string, FaultOrder]>([
    ['with an odd token_type', { fault: 'odd_member', member: 'token_type', value: 'not a scheme' }],
    ['with a numeric token_type', { fault: 'odd_member', member: 'token_type', value: 7 }],
    ['with a token for other than bearers', { fault: 'odd_member', member: 'token_type', value: 'DPoP' }],
    ['without an access token', { fault: 'odd_member', member: 'access_token' }],
    ['with an access token of two lines', { fault: 'odd_member', member: 'access_token', value: 'a\r\nb' }],
    ['with an error beside its tokens', { fault: 'error_in_200', processed: true }],
  ])('%s is an error, but its refresh token is kept', async (_, order) => {
    const process = await due();
    world.clock.advance(200_000);
    const before = (await process.grant()).refreshToken?.reveal();
    misbehave(order);
    expect((await refusal(process.token())).error).toMatch(/^vendor_/);
    const after = await process.grant();
    expect(after.refreshToken?.reveal()).not.toBe(before);
    expect(after).toMatchObject({ attempts: [], failures: { '': { count: 1 } } });
    await expectAlive(process);
  });
});

describe('a refusal or a failure', () => {
  test('invalid_grant is believed after a second look, and the sealed tokens are kept', async () => {
    const process = await due();
    misbehave({ fault: 'oauth_error', error: 'invalid_grant', times: 0 });
    world.clock.advance(200_000);
    const before = (await process.grant()).refreshToken?.reveal();
    expect(await refusal(process.token())).toEqual({
      error: 'consent_required',
      error_description: expect.stringContaining(`Run: token-broker connect ${process.connection.name}`),
    });
    expect(process.changes().slice(-1)).toEqual(['consent_required']);
    const after = await process.grant();
    expect(after).toMatchObject({ status: 'consent_required', attempts: [] });
    expect(after.refreshToken?.reveal()).toBe(before);
    // Said once and remembered: nobody asks the vendor again.
    const asked = refreshes();
    expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
    expect(await refusal(process.token({ min_ttl: 600 }))).toMatchObject({ error: 'consent_required' });
    expect(refreshes()).toBe(asked);
  });

  test('a live token is served on after invalid_grant, with a warning', async () => {
    const process = await due();
    misbehave({ fault: 'oauth_error', error: 'invalid_grant', times: 0 });
    const { access_token } = await process.token();
    const answer = await process.token();
    expect(answer).toMatchObject({ access_token, warning: expect.stringContaining('consent_required') });
  });

  test('invalid_client leaves the grant as it was, and is remembered for the connection', async () => {
    const process = await due();
    world.clock.advance(200_000);
    misbehave({ fault: 'unauthorized', times: 0 });
    expect(await refusal(process.token())).toMatchObject({
      error: 'vendor_rejected',
      vendor_error: 'invalid_client',
    });
    expect(await process.grant()).toMatchObject({ status: 'active', attempts: [] });
    const asked = refreshes();
    expect(await refusal(process.token())).toMatchObject({ vendor_error: 'invalid_client' });
    expect(refreshes()).toBe(asked);
    await expectAlive(process);
  });

  test.each<[string, FaultOrder]>([
    ['a refusal of the request', { fault: 'oauth_error', error: 'unauthorized_client' }],
    ['a refusal without an error code', { fault: 'message_only' }],
    ['429 with a long Retry-After', { fault: 'too_many_requests', retry_after: 3_600 }],
  ])('%s spends nothing: the grant is active, and asked for again later', async (_, order) => {
    const process = await due();
    misbehave(order);
    const { warning } = await process.token();
    expect(warning).toBeDefined();
    const grant = await process.grant();
    expect(grant).toMatchObject({ status: 'active', attempts: [], failures: { '': { count: 1 } } });
    expect(grant.dueAt).toBeGreaterThanOrEqual(world.clock.now() + 50_000);
    await expectAlive(process);
  });

  test('429 is asked again within the same attempt', async () => {
    const process = await due();
    misbehave({ fault: 'too_many_requests' });
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(refreshes()).toBe(2);
    await expectAlive(process);
  });

  test.each<[string, FaultOrder]>([
    ['a dropped connection', { fault: 'dropped' }],
    ['an HTML page with status 503', { fault: 'server_error' }],
    ['a silent vendor', { fault: 'processed_late', delay_ms: 60_000 }],
    ['a redirect', { fault: 'redirect' }],
    ['an empty body', { fault: 'empty_body', processed: false }],
  ])('%s leaves the grant in doubt; after the lease it is sent again', async (_, order) => {
    const process = await due();
    misbehave(order);
    expect((await process.token()).warning).toBeDefined();
    expect(refreshes()).toBe(1);
    expect(await process.describe()).toMatchObject({ grant_status: 'in_doubt' });
    expect(process.changes().slice(-1)).toEqual(['in_doubt']);
    // Within the lease the vendor may still be at work.
    expect((await process.token()).warning).toBeDefined();
    expect(refreshes()).toBe(1);
    await expectAlive(process);
  });

  const LOST: [string, FaultOrder][] = [
    ['closed before the answer', { fault: 'answer_lost' }],
    ['broken off', { fault: 'broken_off' }],
    ['cut short', { fault: 'truncated_json' }],
    ['too large', { fault: 'huge' }],
    ['empty', { fault: 'empty_object' }],
    ['late', { fault: 'slow', delay_ms: 60_000 }],
  ];

  test.each(LOST)(
    'an answer that is %s costs nothing where the vendor has a grace window',
    async (_, order) => {
      const process = await due();
      world.vendors.bugfender.set({ grace_window: 60 });
      misbehave(order);
      expect((await process.token()).warning).toBeDefined();
      pastTheLease();
      expect(await process.token()).toMatchObject({ source: 'vendor' });
      await expectAlive(process);
    },
  );

  test('an answer that is lost is asked for again at once where the vendor declares a grace window', async () => {
    const vendors = { ...VENDORS, bugfender: { ...VENDORS.bugfender!, graceWindow: 60 } };
    const process = grantProcess(world, await portal(world), { timing: quick, vendors });
    await process.consent();
    untilDue(world);
    world.vendors.bugfender.counters.reset();
    world.vendors.bugfender.set({ grace_window: 60 });
    misbehave({ fault: 'answer_lost' });
    const answer = await process.token();
    expect(answer).toMatchObject({ source: 'vendor' });
    expect(answer.warning).toBeUndefined();
    expect(refreshes()).toBe(2);
    expect(process.changes().slice(-1)).toEqual(['refreshed']);
    await expectAlive(process);
  });

  test.each(LOST)(
    'without a grace window, an answer that is %s ends in consent_required',
    async (_, order) => {
      const process = await due();
      misbehave(order);
      expect((await process.token()).warning).toBeDefined();
      expect(world.vendors.bugfender.counters.snapshot().family_burns).toBe(0);
      pastTheLease();
      world.clock.advance(200_000);
      expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
      expect(await process.describe()).toMatchObject({ grant_status: 'consent_required' });
    },
  );

  test('a vendor that is out for a day neither makes the item grow nor is hammered', async () => {
    const process = await due();
    misbehave({ fault: 'dropped', times: 0 });
    for (let hour = 0; hour < 24; hour += 1) {
      for (let ask = 0; ask < 3; ask += 1) await process.token().catch(() => undefined);
      world.clock.advance(3_600_000);
    }
    expect((await process.grant()).attempts.length).toBeLessThanOrEqual(16);
    expect(refreshes()).toBe(24);
    await expectAlive(process);
  });

  test('Retry-After beyond the lease is waited for', async () => {
    const process = await due();
    misbehave({ fault: 'server_error', retry_after: 50 });
    await process.token();
    pastTheLease();
    await process.token();
    expect(refreshes()).toBe(1);
    world.clock.advance(20_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('a request that the vendor processes late meets no second one of ours before its lease is over', async () => {
    const process = await due();
    world.vendors.bugfender.set({ grace_window: 60 });
    misbehave({ fault: 'processed_late', delay_ms: quick.attemptTimeout + 300 });
    const late = process.token();
    await late;
    await Promise.all(Array.from({ length: 20 }, () => process.token()));
    expect(refreshes()).toBe(1);
    await expect.poll(() => world.vendors.bugfender.counters.snapshot().refreshes).toBe(1);
    pastTheLease();
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    await expectAlive(process);
  });
});

describe('where a grant is sent', () => {
  test.each([
    ['another server', { base_url: 'http://127.0.0.1:1' }],
    ['another server', { base_url: 'http://localhost:1' }],
  ])(
    'a connection that now names %s is not sent the refresh token, nor are its tokens used',
    async (_, members) => {
      const process = await due();
      const moved = grantProcess(world, {
        ...process.connection,
        baseUrl: members.base_url,
      });
      const error = await refusal(moved.token());
      expect(error).toMatchObject({
        error: 'consent_required',
        error_description: expect.stringMatching(/points to another server.*token-broker connect/),
      });
      expect(await moved.describe()).toMatchObject({ grant_status: 'consent_required' });
      expect(refreshes()).toBe(0);
      await expectAlive(process);
    },
  );

  test('a secret that now names another client is not sent the refresh token', async () => {
    const process = await due();
    world.clock.advance(200_000);
    await world.putSecret(process.connection, { client_id: 'somebody-else', client_secret: 'x' });
    const other = grantProcess(world, process.connection);
    expect(await refusal(other.token())).toMatchObject({
      error: 'consent_required',
      error_description: expect.stringContaining('another server or client'),
    });
    expect(refreshes()).toBe(0);
    expect(await process.grant()).toMatchObject({ status: 'active', attempts: [] });
  });

  test("a secret's earlier version for another client does not stand in for a refused one", async () => {
    const process = await due();
    world.clock.advance(200_000);
    const { client_id, client_secret } = (await world.vendors.bugfender.clientSecrets())[
      'bugfender-integration'
    ]!;
    await world.putSecret(process.connection, { client_id: 'somebody-else', client_secret });
    await world.putSecret(process.connection, { client_id, client_secret: 'wrong' });
    const other = grantProcess(world, process.connection);
    expect(await refusal(other.token())).toMatchObject({
      error: 'vendor_rejected',
      vendor_error: 'invalid_client',
    });
  });

  test('redirect_uri goes along where the vendor wants it', async () => {
    const process = await due();
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  describe('a scope', () => {
    /** What each refresh sent as scope, of a grant for `read write`. */
    async function scopesSent(use: (process: GrantProcess, connection: Connection) => Promise<unknown>) {
      const peer = await startHttpPeer();
      const sent: (string | undefined)[] = [];
      peer.replyWith((response, received) => {
        if (received.parameters.grant_type === 'refresh_token') sent.push(received.parameters.scope);
        const answer = { access_token: 'token', refresh_token: 'refresh', token_type: 'Bearer' };
        json(200, { ...answer, expires_in: 3600 })(response, received);
      });
      const connection = await world.connect(
        {
          vendor: 'custom',
          grant: 'authorization_code',
          token_endpoint: `${peer.origin}/token`,
          authorization_endpoint: `${peer.origin}/authorize`,
          scope: 'read write',
        },
        { client_id: 'c', client_secret: 's' },
      );
      const process = grantProcess(world, connection, { timing: quick });
      const { authorization_url } = redirecting(await process.start());
      const { searchParams } = new URL(authorization_url);
      const back = new URL(searchParams.get('redirect_uri')!);
      back.search = new URLSearchParams({ code: 'x', state: searchParams.get('state')! }).toString();
      await process.callback(back);
      untilDue(world);
      world.clock.advance(90_000);
      await use(process, connection);
      await peer.close();
      return sent;
    }

    test('is sent where a narrower one is asked for, and only there (RFC 6749 §6)', async () => {
      const sent = await scopesSent(async (process) => {
        await process.token({ scope: 'read' });
        await process.token();
        await process.token({ scope: 'write read' });
      });
      expect(sent).toEqual(['read', undefined]);
    });

    test('is not sent empty where the connection has none any more', async () => {
      const sent = await scopesSent(async (_, connection) => {
        const without = grantProcess(world, { ...connection, scope: [], scopes: [] }, { timing: quick });
        expect(await without.token()).toMatchObject({ source: 'vendor' });
      });
      expect(sent).toEqual([undefined]);
    });
  });
});

test('once a refresh has succeeded, nothing is told of the failure before it', async () => {
  const process = grantProcess(world, await portal(world), { timing: quick });
  await process.consent();
  untilDue(world);
  world.vendors.bugfender.setFault({ fault: 'dropped', endpoint: 'token', times: 0 });
  expect(await process.token()).toHaveProperty('warning');
  expect(await process.describe()).toHaveProperty('last_failure');
  world.vendors.bugfender.setFault();
  world.clock.advance(60_000);
  await process.token();
  expect(await process.describe()).not.toHaveProperty('last_failure');
});

test('nothing is asked of the vendor for a subject that nobody consented for', async () => {
  const process = grantProcess(world, await portal(world));
  expect(await refusal(process.token({ subject: "$(id) o'clock" }))).toEqual({
    error: 'consent_required',
    error_description: `Consent is required: nobody has consented yet. Run: token-broker connect ${process.connection.name} --subject '$(id) o'\\''clock'`,
  });
  expect(refreshes()).toBe(0);
});

test('each subject has a grant of its own', async () => {
  const process = grantProcess(world, await portal(world));
  await process.consent('user-42');
  await process.consent('user-43');
  const [one, two] = [
    await process.token({ subject: 'user-42' }),
    await process.token({ subject: 'user-43' }),
  ];
  expect(one.access_token).not.toBe(two.access_token);
  expect(await refusal(process.token({ subject: 'user-44' }))).toMatchObject({ error: 'consent_required' });
  expect(await process.counts()).toMatchObject({
    grants: { active: 2, in_doubt: 0, consent_required: 0, revoked: 0 },
  });
});
