import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Stores } from '../../../functions/compose.ts';
import type { PendingConsent } from '../../../shared/broker/ports.ts';
import { OUT_OF_BAND } from '../../../shared/connections/connection.ts';
import { StoreUnavailable } from '../../../shared/contract/errors.ts';
import { brokerWorld, CALLER, refusal } from '../../support/broker.ts';
import {
  decide,
  device,
  grantProcess,
  hooked,
  kiosk,
  portal,
  quick,
  redirecting,
  research,
  revocable,
  someone,
  submit,
} from '../../support/grants.ts';
import { json, startHttpPeer } from '../../support/http-peer.ts';

const world = brokerWorld();

beforeEach(() => {
  world.vendors.bugfender.set({ reuse_detection: true });
  world.vendors.bipsync.set({ reuse_detection: true });
});

const exchanges = (name: 'bugfender' | 'bipsync') =>
  world.vendors[name].counters.received('token', 'authorization_code');

/** `around` goes around each write of a consent. */
function withConsentWrites(
  stores: Stores,
  around: (write: () => Promise<unknown>, seen: PendingConsent | undefined) => Promise<unknown>,
): Stores {
  const write = ((id, seen, next) =>
    around(() => stores.consents.write(id, seen, next), seen)) as Stores['consents']['write'];
  return { ...stores, consents: { ...stores.consents, write } };
}

const OTHER = 'arn:aws:sts::111122223333:assumed-role/somebody-else/session';

describe('authorization code', () => {
  test('a person consents once, and from then on tokens are given', async () => {
    const process = grantProcess(world, await portal(world));
    const begun = redirecting(await process.start());
    expect(begun).toEqual({
      consent: expect.stringMatching(/^[\w-]{43}$/),
      consent_url: expect.stringMatching(/^https:\/\/broker\.example\/consent\/[\w-]{43}$/),
      authorization_url: expect.stringContaining(`${world.vendors.origins.bugfender}/auth/authorize?`),
      expires_in: 600,
    });
    expect(await process.proceed(begun.consent)).toEqual({ status: 'pending' });
    const url = await decide(begun.authorization_url);
    expect(await process.callback(url)).toEqual({
      kind: 'connected',
      vendor: 'Bugfender',
      connection: process.connection.name,
      subject: 'default',
    });
    expect(await process.proceed(begun.consent)).toEqual({ status: 'granted' });
    expect(await process.token()).toMatchObject({ source: 'table' });
    expect(await process.describe()).toMatchObject({ grant_status: 'active' });
    expect(process.events).toContainEqual({
      type: 'grant',
      change: 'consented',
      connection: process.connection.name,
      subject: 'default',
      principal: CALLER,
    });
  });

  test('the request has PKCE with S256, a state that its handle alone does not make, and the extra parameters', async () => {
    const process = grantProcess(
      world,
      await research(world, { authorize_params: { account_type: 'service' } }),
    );
    const { consent, authorization_url } = redirecting(await process.start());
    const parameters = Object.fromEntries(new URL(authorization_url).searchParams);
    expect(parameters).toEqual({
      response_type: 'code',
      client_id: 'demo-bipsync-user',
      redirect_uri: 'http://127.0.0.1:8787/callback',
      scope: 'research:read',
      state: expect.stringMatching(/^[\w-]{43}\.[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      account_type: 'service',
    });
    // Its second half is made from what only the browser holds.
    expect(parameters.state?.split('.')[0]).toBe(consent);
    await process.callback(await decide(authorization_url));
    expect(await process.token()).toMatchObject({ token_type: 'Bearer' });
  });

  test('the code is exchanged once, however often and from wherever the callback is loaded', async () => {
    const process = grantProcess(world, await research(world));
    const { authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url);
    const others = Array.from({ length: 4 }, () => grantProcess(world, process.connection));
    const outcomes = await Promise.all([process, ...others].map((each) => each.callback(url)));
    expect(outcomes.filter(({ kind }) => kind === 'connected').length).toBeGreaterThan(0);
    expect(outcomes.every(({ kind }) => kind === 'connected' || kind === 'pending')).toBe(true);
    expect(await process.callback(url)).toMatchObject({ kind: 'connected' });
    expect(exchanges('bipsync')).toBe(1);
    expect(world.vendors.bipsync.counters.snapshot().family_burns).toBe(0);
  });

  test('a consent that a person declines is over', async () => {
    const process = grantProcess(world, await portal(world));
    const { consent, authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url, 'deny');
    expect(await process.callback(url)).toMatchObject({ kind: 'denied' });
    expect(await process.callback(url)).toMatchObject({ kind: 'denied' });
    expect(await process.proceed(consent)).toEqual({ status: 'denied' });
    expect(process.changes()).toEqual(['consent_denied']);
    // Approving after all does not help: the state was used.
    expect(await process.callback(await decide(authorization_url))).toMatchObject({ kind: 'denied' });
    expect(exchanges('bugfender')).toBe(0);
  });

  test('a consent is over after ten minutes', async () => {
    const process = grantProcess(world, await portal(world));
    const { consent, authorization_url } = redirecting(await process.start());
    world.clock.advance(600_000);
    expect(await process.callback(await decide(authorization_url))).toMatchObject({ kind: 'expired' });
    expect(await process.proceed(consent)).toEqual({ status: 'expired' });
    expect(exchanges('bugfender')).toBe(0);
  });

  test('a consent whose finisher has died is over in the end', async () => {
    const process = grantProcess(world, await portal(world), {
      stores: (stores) => hooked(stores, { before: () => Promise.reject(new Error('died')) }),
    });
    const { consent, authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url);
    const { stores } = process;
    const pending = await stores.consents.read(consent);
    if (pending?.kind !== 'code') throw new Error('It is open.');
    await stores.consents.write(consent, pending, { ...pending, status: 'finishing' });
    expect(await process.callback(url)).toMatchObject({ kind: 'pending' });
    expect(await process.proceed(consent)).toEqual({ status: 'pending' });
    world.clock.advance(600_000);
    expect(await process.proceed(consent)).toEqual({ status: 'pending' });
    world.clock.advance(20_000);
    expect(await process.callback(url)).toMatchObject({ kind: 'expired' });
    expect(await process.proceed(consent)).toEqual({ status: 'expired' });
  });

  test.each<[string, (url: URL) => void, string]>([
    ['an unknown state', (url) => url.searchParams.set('state', 'x'.repeat(43)), 'unknown'],
    ['no state', (url) => url.searchParams.delete('state'), 'unknown'],
    ['the handle as state', (url) => url.searchParams.set('state', 'HANDLE'), 'unknown'],
    ['no code', (url) => url.searchParams.delete('code'), 'failed'],
    ['an empty code', (url) => url.searchParams.set('code', ''), 'failed'],
    ['two codes', (url) => url.searchParams.append('code', 'another'), 'failed'],
    ['two states', (url) => url.searchParams.append('state', 'another'), 'failed'],
    ['no iss', (url) => url.searchParams.delete('iss'), 'failed'],
    ["another server's iss", (url) => url.searchParams.set('iss', 'https://evil.example'), 'failed'],
    ['two isses', (url) => url.searchParams.append('iss', 'https://evil.example'), 'failed'],
  ])('a callback with %s exchanges nothing, and the true one still works', async (_, forge, kind) => {
    const process = grantProcess(world, await research(world));
    const { consent, authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url);
    const forged = new URL(url);
    forge(forged);
    if (forged.searchParams.get('state') === 'HANDLE') forged.searchParams.set('state', consent);
    const outcome = await process.callback(forged);
    expect(outcome.kind).toBe(kind);
    if (kind === 'unknown') expect(outcome).toEqual({ kind });
    expect(exchanges('bipsync')).toBe(0);
    expect(await process.callback(url)).toMatchObject({ kind: 'connected' });
  });

  test('an error of the vendor is shown by its code, and an odd one not at all', async () => {
    const process = grantProcess(world, await portal(world));
    for (const [error, shown] of [
      ['server_error', 'server_error'],
      ['<script>"', 'one that it did not name'],
    ] as const) {
      const { authorization_url } = redirecting(await process.start());
      const url = await decide(authorization_url, 'deny');
      url.searchParams.set('error', error);
      expect(await process.callback(url)).toMatchObject({
        kind: 'failed',
        detail: `The vendor answered with an error: ${shown}.`,
      });
    }
  });

  test.each([
    [
      'refuses the code',
      { fault: 'oauth_error', error: 'invalid_grant' },
      /^Exchanging the code .* refused: invalid_grant \(HTTP 400\)/,
    ],
    ['is out', { fault: 'server_error' }, /^Exchanging the code .* answered 503/],
    ['answers so that nobody hears it', { fault: 'answer_lost' }, /^Exchanging the code .* did not answer/],
  ] as const)(
    'where the vendor %s, the consent has failed, the person is told how, and the code is not sent again',
    async (_, fault, told) => {
      const process = grantProcess(world, await portal(world), { timing: quick });
      const { consent, authorization_url } = redirecting(await process.start());
      const url = await decide(authorization_url);
      world.vendors.bugfender.setFault({ ...fault, endpoint: 'token' });
      expect(await process.callback(url)).toMatchObject({
        kind: 'failed',
        detail: expect.stringMatching(told),
      });
      expect(await process.proceed(consent)).toEqual({
        status: 'denied',
        error_description: expect.stringMatching(told),
      });
      expect(exchanges('bugfender')).toBe(1);
      expect(process.changes()).toEqual(['consent_failed']);
    },
  );

  test('a grant that was stored is not lost because the consent could not be closed', async () => {
    const process = grantProcess(world, await portal(world), {
      stores: (stores) => ({
        ...stores,
        consents: {
          ...stores.consents,
          write: async (id, seen, next) => {
            if (next.status === 'granted') throw new StoreUnavailable('injected');
            return stores.consents.write(id, seen, next);
          },
        },
      }),
    });
    const { authorization_url } = redirecting(await process.start());
    expect(await process.callback(await decide(authorization_url))).toMatchObject({ kind: 'connected' });
    expect(await process.token()).toMatchObject({ source: 'table' });
    expect(process.changes()).toEqual(['consented']);
  });

  test('a grant whose write was applied, but whose answer was lost, is this very one: it is kept, and nothing is revoked', async () => {
    let lost = 0;
    const process = grantProcess(world, await revocable(world), {
      timing: quick,
      stores: (stores) =>
        hooked(stores, {
          after: (count) => {
            if (count > 1) return;
            lost += 1;
            throw new StoreUnavailable('injected');
          },
        }),
    });
    const { generation } = await process.consent();
    expect(lost).toBe(1);
    expect(process.changes()).toEqual(['consented']);
    expect(world.vendors.bipsync.counters.snapshot().revocations).toBe(0);
    expect(await process.grant()).toMatchObject({ generation, status: 'active' });
  });

  test('a store that is down when the callback is loaded uses nothing up', async () => {
    let down = false;
    const process = grantProcess(world, await portal(world), {
      timing: quick,
      stores: (stores) =>
        withConsentWrites(stores, async (write) => {
          if (down) throw new StoreUnavailable('injected');
          return write();
        }),
    });
    const { authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url);
    down = true;
    expect(await refusal(process.callback(url))).toMatchObject({ error: 'store_unavailable' });
    expect(exchanges('bugfender')).toBe(0);
    down = false;
    expect(await process.callback(url)).toMatchObject({ kind: 'connected' });
  });

  test('a defect is no outage: it ends the consent, is told to nobody, and reaches the log as what it is', async () => {
    const process = grantProcess(world, await portal(world), {
      stores: (stores) => hooked(stores, { before: () => Promise.reject(new TypeError('CANARY')) }),
    });
    const { consent, authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url);
    await expect(process.callback(url)).rejects.toThrow(TypeError);
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'audit', outcome: 'internal', detail: 'TypeError' }),
    );
    expect(await process.callback(url)).toEqual({
      kind: 'failed',
      vendor: 'Bugfender',
      connection: process.connection.name,
      subject: 'default',
    });
    expect(await process.proceed(consent)).toEqual({ status: 'denied' });
  });

  test('a grant that may or may not have been stored is not asked for a second time', async () => {
    const process = grantProcess(world, await portal(world), {
      timing: { ...quick, deadline: 1_000, storeReserve: 100 },
      stores: (stores) => hooked(stores, { before: () => Promise.reject(new StoreUnavailable('injected')) }),
    });
    const { authorization_url } = redirecting(await process.start());
    const url = await decide(authorization_url);
    expect(await process.callback(url)).toMatchObject({ kind: 'failed' });
    expect(await process.callback(url)).toMatchObject({ kind: 'failed' });
    expect(exchanges('bugfender')).toBe(1);
  });

  test.each([
    ['no access token', { member: 'access_token' }],
    ['an odd token_type', { member: 'token_type', value: 9 }],
  ])('an answer with %s still gives the grant its refresh token', async (_, odd) => {
    const process = grantProcess(world, await portal(world));
    world.vendors.bugfender.setFault({ fault: 'odd_member', endpoint: 'token', ...odd });
    const grant = await process.consent();
    expect(grant.tokens).toEqual({});
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('a grant without a refresh token lives as long as its access token', async () => {
    const process = grantProcess(world, await portal(world));
    world.vendors.bugfender.setFault({ fault: 'odd_member', endpoint: 'token', member: 'refresh_token' });
    const url = await decide(redirecting(await process.start()).authorization_url);
    const told = { kind: 'connected', detail: expect.stringContaining('gave no refresh token') };
    expect(await process.callback(url)).toMatchObject(told);
    expect(await process.callback(url)).toMatchObject(told);
    expect(await process.describe()).toMatchObject({
      grant_status: 'active',
      last_failure: { error: 'consent_required' },
    });
    expect(await process.token()).toMatchObject({ source: 'table' });
    world.clock.advance(3_600_000);
    expect(await refusal(process.token())).toMatchObject({
      error: 'consent_required',
      error_description: expect.stringContaining('gave no refresh token'),
    });
  });
});

describe('the code on screen (out-of-band)', () => {
  const typed = async (authorizationUrl: string) => {
    const page = await (await submit(authorizationUrl, { decision: 'approve', user: 'ada' })).text();
    return /<code>([^<]+)<\/code>/.exec(page)![1]!;
  };

  test('is typed in, and may be mistyped first', async () => {
    const process = grantProcess(world, await portal(world, { redirect_uri: OUT_OF_BAND }));
    const { consent, authorization_url } = redirecting(await process.start());
    const code = await typed(authorization_url);
    expect(await refusal(process.proceed(consent, { code: `${code}x` }))).toMatchObject({
      error: 'vendor_rejected',
      vendor_error: 'invalid_grant',
    });
    expect(await process.proceed(consent)).toEqual({ status: 'pending' });
    expect(await process.proceed(consent, { code })).toEqual({ status: 'granted' });
    expect(await process.proceed(consent, { code })).toEqual({ status: 'granted' });
    expect(exchanges('bugfender')).toBe(2);
    expect(await process.grant()).toMatchObject({ redirectUri: OUT_OF_BAND });
    world.clock.advance(3_600_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('is not sent again once the vendor may have taken it', async () => {
    const process = grantProcess(world, await portal(world, { redirect_uri: OUT_OF_BAND }), {
      timing: quick,
    });
    const { consent, authorization_url } = redirecting(await process.start());
    const code = await typed(authorization_url);
    world.vendors.bugfender.setFault({ fault: 'answer_lost', endpoint: 'token' });
    expect(await refusal(process.proceed(consent, { code }))).toMatchObject({ error: 'vendor_unavailable' });
    expect(await process.proceed(consent, { code })).toMatchObject({ status: 'denied' });
    expect(exchanges('bugfender')).toBe(1);
  });
});

describe('device authorization', () => {
  /** Begun, with what the person does on the vendor's page. */
  async function begun(stores?: (stores: Stores) => Stores) {
    const process = grantProcess(world, await kiosk(world), { timing: quick, ...(stores && { stores }) });
    const started = device(await process.start());
    const decision = (decision: string) =>
      submit(started.verification_uri, { user_code: started.user_code, decision, user: 'ada' });
    return { process, started, decision };
  }
  const polls = () => world.vendors.bipsync.counters.snapshot().polls;
  const interval = () => world.clock.advance(5_000);

  test('is polled until the person has agreed', async () => {
    const { process, started, decision } = await begun();
    expect(started).toEqual({
      consent: expect.stringMatching(/^[\w-]{43}$/),
      consent_url: expect.stringMatching(/^https:\/\/broker\.example\/consent\/[\w-]{43}$/),
      user_code: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/),
      verification_uri: `${world.vendors.origins.bipsync}/oauth/device`,
      verification_uri_complete: expect.stringContaining(started.user_code),
      expires_in: expect.toSatisfy((seconds: number) => seconds === 60 || seconds === 59),
      interval: 5,
    });
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 5 });
    await decision('approve');
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'granted' });
    expect(await process.proceed(started.consent)).toEqual({ status: 'granted' });
    expect(polls()).toBe(2);
    expect(await process.token()).toMatchObject({ source: 'table' });
    world.clock.advance(3_600_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test('polling faster than the interval does not reach the vendor, from however many processes', async () => {
    const { process, started } = await begun();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 5 });
    expect(polls()).toBe(0);
    interval();
    const others = Array.from({ length: 10 }, () => grantProcess(world, process.connection));
    const answers = await Promise.all(others.map((other) => other.proceed(started.consent)));
    expect(answers.every(({ status }) => status === 'pending')).toBe(true);
    expect(polls()).toBe(1);
  });

  test('slow_down lengthens the interval for good', async () => {
    const { process, started } = await begun();
    world.vendors.bipsync.setFault({ fault: 'oauth_error', endpoint: 'token', error: 'slow_down' });
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 10 });
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 10 });
    expect(polls()).toBe(0);
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 10 });
    expect(polls()).toBe(1);
  });

  test('that the person declines is denied', async () => {
    const { process, started, decision } = await begun();
    await decision('deny');
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'denied' });
    expect(await process.proceed(started.consent)).toEqual({ status: 'denied' });
    expect(polls()).toBe(1);
    expect(process.changes()).toEqual(['consent_denied']);
  });

  test.each(['by our clock', "by the vendor's word"])('that nobody answers expires (%s)', async (whose) => {
    const { process, started } = await begun();
    if (whose === 'by our clock') world.clock.advance(60_000);
    else {
      world.vendors.bipsync.setFault({ fault: 'oauth_error', endpoint: 'token', error: 'expired_token' });
      interval();
    }
    expect(await process.proceed(started.consent)).toEqual({ status: 'expired' });
    expect(polls()).toBe(0);
  });

  test('a poll that came to nothing is repeated', async () => {
    const { process, started, decision } = await begun();
    await decision('approve');
    world.vendors.bipsync.setFault({ fault: 'dropped', endpoint: 'token' });
    interval();
    expect(await refusal(process.proceed(started.consent))).toMatchObject({ error: 'vendor_unavailable' });
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'granted' });
  });

  test('a store that fails once after a poll costs one lease, not the consent', async () => {
    let fail = true;
    const { process, started, decision } = await begun((stores) =>
      withConsentWrites(stores, async (write, seen) => {
        if (!fail || seen?.status !== 'finishing') return write();
        fail = false;
        throw new StoreUnavailable('injected');
      }),
    );
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 5 });
    expect(fail).toBe(false);
    await decision('approve');
    interval();
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 5 });
    expect(polls()).toBe(1);
    world.clock.advance(25_000);
    expect(await process.proceed(started.consent)).toEqual({ status: 'granted' });
    expect(polls()).toBe(2);
  });

  test('a process that dies while it polls costs one lease, not the consent', async () => {
    const {
      process: dying,
      started,
      decision,
    } = await begun((stores) =>
      withConsentWrites(stores, (write, seen) =>
        seen?.status === 'finishing' ? new Promise(() => {}) : write(),
      ),
    );
    interval();
    void dying.proceed(started.consent);
    await expect.poll(polls).toBe(1);
    await decision('approve');
    const process = grantProcess(world, dying.connection, { timing: quick });
    world.clock.advance(25_000);
    expect(await process.proceed(started.consent)).toEqual({ status: 'pending', interval: 5 });
    world.clock.advance(5_000);
    expect(await process.proceed(started.consent)).toEqual({ status: 'granted' });
    expect(polls()).toBe(2);
  });

  test('a code that the vendor does not know any more is polled no longer', async () => {
    const { process, started } = await begun();
    world.vendors.bipsync.setFault({ fault: 'oauth_error', endpoint: 'token', error: 'invalid_grant' });
    interval();
    expect(await refusal(process.proceed(started.consent))).toMatchObject({ vendor_error: 'invalid_grant' });
    expect(await process.proceed(started.consent)).toEqual({
      status: 'denied',
      error_description: expect.stringContaining('refused: invalid_grant (HTTP 400)'),
    });
    expect(process.changes()).toEqual(['consent_failed']);
  });

  test('a device consent lives half an hour at most, however long its code does', async () => {
    const peer = await startHttpPeer();
    const answer = {
      device_code: 'device-code-1',
      user_code: 'ABCD',
      verification_uri: 'https://x.example/d',
    };
    peer.replyWith(json(200, { ...answer, expires_in: 86_400 }));
    const connection = await world.connect(
      {
        vendor: 'custom',
        grant: 'urn:ietf:params:oauth:grant-type:device_code',
        client_auth: 'none',
        token_endpoint: `${peer.origin}/token`,
        device_authorization_endpoint: `${peer.origin}/device`,
      },
      { client_id: 'c' },
    );
    const process = grantProcess(world, connection);
    const started = device(await process.start());
    expect(started.expires_in).toBe(1_800);
    world.clock.advance(1_800_000);
    expect(await process.proceed(started.consent)).toEqual({ status: 'expired' });
    expect(peer.received.map(({ path }) => path)).toEqual(['/device']);
    await peer.close();
  });

  test('a callback finishes no device consent, not even with its very state', async () => {
    const { process, started } = await begun();
    const { stores } = process;
    const consent = await stores.consents.read(started.consent);
    const state = 'a-state-that-no-browser-was-given';
    const handle = createHash('sha256').update(state).digest('base64url');
    await stores.consents.write(handle, undefined, consent!);
    const url = new URL(`https://broker.example/callback?code=x&state=${state}`);
    expect(await process.callback(url)).toEqual({ kind: 'unknown' });
    expect(await stores.consents.read(handle)).toMatchObject({ status: 'pending' });
  });
});

describe('whose consent it is', () => {
  test('only who began it may go on with it', async () => {
    const process = grantProcess(world, await portal(world));
    const { consent } = await process.start();
    expect(await refusal(process.proceed(consent, {}, OTHER))).toMatchObject({ error: 'access_denied' });
    expect(await refusal(process.proceed(consent, { code: 'x' }, OTHER))).toMatchObject({
      error: 'access_denied',
    });
    expect(exchanges('bugfender')).toBe(0);
  });

  test("a role's next session goes on with what an earlier one began, and its grant names who began it", async () => {
    const process = grantProcess(world, await kiosk(world), { timing: quick });
    const role = 'arn:aws:sts::111122223333:assumed-role/deploy';
    const started = device(await process.start({}, `${role}/monday`));
    await submit(started.verification_uri, {
      user_code: started.user_code,
      decision: 'approve',
      user: 'ada',
    });
    world.clock.advance(5_000);
    for (const other of [
      'arn:aws:sts::111122223333:assumed-role/deployer/monday',
      'arn:aws:sts::444455556666:assumed-role/deploy/monday',
      'arn:aws-cn:sts::111122223333:assumed-role/deploy/monday',
      'arn:aws:iam::111122223333:user/deploy',
      'arn:aws:sts::111122223333:federated-user/monday',
    ]) {
      expect(await refusal(process.proceed(started.consent, {}, other))).toMatchObject({
        error: 'access_denied',
      });
    }
    expect(await process.proceed(started.consent, {}, `${role}/tuesday`)).toEqual({ status: 'granted' });
    expect(await process.grant()).toMatchObject({ consentedBy: `${role}/monday` });
  });

  test("another connection's consent is refused, and an unknown one is over", async () => {
    const [mine, yours] = [
      grantProcess(world, await portal(world)),
      grantProcess(world, await portal(world)),
    ];
    const { consent } = await yours.start();
    expect(await refusal(mine.proceed(consent))).toMatchObject({ error: 'access_denied' });
    expect(await mine.proceed('x'.repeat(43))).toEqual({ status: 'expired' });
  });

  test('a connection that acts for itself needs none', async () => {
    const connection = await world.connect({ vendor: 'bugfender' }, 'bugfender-service');
    expect(await refusal(grantProcess(world, connection).start())).toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringContaining('needs no consent'),
    });
  });

  test('subjects are apart, and a consent names its own', async () => {
    const process = grantProcess(world, await portal(world));
    const [one, two] = [someone(), someone()];
    await process.consent(one);
    await expect(process.grant(two)).rejects.toThrow('no grant');
    expect(await process.describe(two)).toMatchObject({ grant_status: 'none' });
  });
});

describe('consenting again', () => {
  test('over a live grant needs replace, and the old grant stays until the new one is stored', async () => {
    const process = grantProcess(world, await portal(world));
    const before = await process.consent();
    const { access_token } = await process.token();
    expect(await refusal(process.start())).toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringContaining('"replace": true'),
    });
    const { authorization_url } = redirecting(await process.start({ replace: true }));
    expect((await process.grant()).generation).toBe(before.generation);
    expect(await process.token()).toMatchObject({ access_token });
    await process.callback(await decide(authorization_url));
    expect((await process.grant()).generation).not.toBe(before.generation);
    expect((await process.token()).access_token).not.toBe(access_token);
  });

  test('a denied replacement leaves the live grant alone', async () => {
    const process = grantProcess(world, await portal(world));
    const before = await process.consent();
    const { authorization_url } = redirecting(await process.start({ replace: true }));
    await process.callback(await decide(authorization_url, 'deny'));
    expect(await process.grant()).toEqual(before);
  });

  test('of two first consents that overlap, one is kept, and the other revokes nothing, which could end both', async () => {
    const process = grantProcess(world, await revocable(world));
    const [one, two] = [redirecting(await process.start()), redirecting(await process.start())];
    expect(await process.callback(await decide(one.authorization_url))).toMatchObject({ kind: 'connected' });
    const kept = await process.grant();
    expect(await process.callback(await decide(two.authorization_url))).toMatchObject({
      kind: 'failed',
      detail: expect.stringContaining('finished first'),
    });
    expect(await process.grant()).toEqual(kept);
    expect(world.vendors.bipsync.counters.snapshot().revocations).toBe(0);
    world.clock.advance(3_600_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
  });

  test.each([
    ['forgotten', undefined],
    ['still a tombstone', { fault: 'dropped', endpoint: 'revoke', times: 2 }],
  ] as const)('a consent begun before a revocation brings nothing back (%s)', async (_, fault) => {
    const process = grantProcess(world, await revocable(world), { timing: quick });
    await process.consent();
    const { authorization_url } = redirecting(await process.start({ replace: true }));
    const url = await decide(authorization_url);
    if (fault) world.vendors.bipsync.setFault(fault);
    await process.revoke().catch(() => undefined);
    const { revocations } = world.vendors.bipsync.counters.snapshot();
    expect(await process.callback(url)).toMatchObject({
      kind: 'failed',
      detail: expect.stringContaining('revoked after this consent was begun'),
    });
    expect(await process.describe()).not.toMatchObject({ grant_status: 'active' });
    expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
    // Nobody will use what the vendor gave for it, and there is no other grant that would end with it.
    expect(world.vendors.bipsync.counters.snapshot().revocations).toBe(revocations + 1);
    await process.consent();
    expect(await process.token()).toMatchObject({ source: 'table' });
  });

  test('a consent begun before a revocation takes the place of no later consent, though it may replace', async () => {
    const process = grantProcess(world, await portal(world), { timing: quick });
    await process.consent();
    const { authorization_url } = redirecting(await process.start({ replace: true }));
    const url = await decide(authorization_url);
    await process.revoke();
    const { generation } = await process.consent();
    expect(await process.callback(url)).toMatchObject({ kind: 'failed' });
    expect((await process.grant()).generation).toBe(generation);
  });

  test('after consent_required needs no replace', async () => {
    const process = grantProcess(world, await portal(world), { timing: quick });
    await process.consent();
    world.clock.advance(3_600_000);
    world.vendors.bugfender.revokeAll();
    expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
    await process.consent();
    expect(await process.token()).toMatchObject({ source: 'table' });
  });
});

test('neither verifier nor state nor device code stands in the table', async () => {
  const process = grantProcess(world, await research(world));
  const { consent, authorization_url } = redirecting(await process.start());
  const state = new URL(authorization_url).searchParams.get('state')!;
  const pending = await process.stores.consents.read(consent);
  expect(pending?.kind === 'code' && pending.codeVerifier?.reveal()).toMatch(/^[\w-]{43}$/);
  expect(JSON.stringify(pending)).not.toContain(state);
  await process.callback(await decide(authorization_url));
  expect(await process.stores.consents.read(consent)).not.toHaveProperty('codeVerifier');
});
