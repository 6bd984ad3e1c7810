import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEVICE_CODE_GRANT } from '../../shared/connections/connection.ts';
import { brokerWorld, refusal } from '../support/broker.ts';
import { Browser } from '../support/consent-browser.ts';
import {
  device,
  type GrantProcess,
  grantProcess,
  hooked,
  quick,
  redirecting,
  secretOf,
} from '../support/grants.ts';
import { type OidcProvider, startOidcProvider } from '../support/oidc-provider.ts';

/** The whole broker against a certified server that somebody else wrote: it rotates, and detects reuse. */
const world = brokerWorld();
let peer: OidcProvider;
beforeAll(async () => {
  peer = await startOidcProvider();
});
afterAll(() => peer.close());

const custom = (members: object) => ({
  vendor: 'custom',
  issuer: peer.issuer,
  scope: 'openid offline_access',
  ...members,
});

async function person(): Promise<GrantProcess> {
  const members = custom({
    grant: 'authorization_code',
    redirect_uri: peer.redirectUri,
    authorize_params: { prompt: 'consent' },
  });
  return grantProcess(world, await world.connect(members, peer.secrets.person), { timing: quick });
}

async function consent(process: GrantProcess): Promise<void> {
  const { authorization_url } = redirecting(await process.start());
  expect(await process.callback(await peer.approve(authorization_url))).toMatchObject({ kind: 'connected' });
}

const untilExpired = () => world.clock.advance(600_000);

// First, since the handler of the pages tells the time by itself.
test('a server that wants authorization requests ahead gets them, and the browser carries a reference alone', async () => {
  const members = custom({
    grant: 'authorization_code',
    redirect_uri: peer.redirectUri,
    authorize_params: { prompt: 'consent' },
    pushed_authorization_request_endpoint: `${peer.issuer}/request`,
  });
  const process = grantProcess(world, await world.connect(members, peer.secrets.pushing), { timing: quick });
  const begun = await process.begin();
  const browser = Browser.of(process);
  const { url } = await browser.goOn(secretOf(begun));
  expect([...new URL(url).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
  expect((await browser.comeBack(await peer.approve(url))).body).toContain('<h1>Connected</h1>');
  expect(await process.token()).toMatchObject({ token_type: 'Bearer' });

  const wrong = await world.connect(members, { ...peer.secrets.pushing, client_secret: 'wrong' });
  const refused = grantProcess(world, wrong, { timing: quick });
  const { page } = await Browser.of(refused).goOn(secretOf(await refused.begin()));
  expect(page.body).toContain('invalid_client');
});

test('a consent with PKCE, then refresh after refresh, each with a new refresh token', async () => {
  const process = await person();
  await consent(process);
  const refreshTokens = new Set<string>();
  const accessTokens = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    accessTokens.add((await process.token()).access_token);
    refreshTokens.add((await process.grant()).refreshToken!.reveal());
    untilExpired();
  }
  expect([accessTokens.size, refreshTokens.size]).toEqual([5, 5]);
  expect(await process.describe()).toMatchObject({ grant_status: 'active' });
});

test('ten processes that ask at once spend one refresh token', async () => {
  const process = await person();
  await consent(process);
  untilExpired();
  const others = Array.from({ length: 10 }, () => grantProcess(world, process.connection, { timing: quick }));
  const answers = await Promise.all(others.map((other) => other.token()));
  expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(1);
  // Had two been spent, the server would have ended the grant.
  untilExpired();
  expect(await process.token()).toMatchObject({ source: 'vendor' });
});

test('an answer that could not be stored is rescued, and the grant lives on', async () => {
  const process = await person();
  await consent(process);
  untilExpired();
  const failing = grantProcess(world, process.connection, {
    timing: { ...quick, deadline: 1_500, storeReserve: 500 },
    stores: (stores) =>
      hooked(stores, { before: (count) => (count > 1 ? world.dynamodb.inject('reset') : undefined) }),
  });
  await failing.token();
  expect(failing.changes()).toEqual(['rescued']);
  world.dynamodb.heal();
  world.clock.advance(31_000);
  untilExpired();
  await process.token();
  expect(process.changes()).toContain('adopted');
  untilExpired();
  expect(await process.token()).toMatchObject({ source: 'vendor' });
});

test('a grant that the server has ended is consent_required, and a new consent mends it', async () => {
  const process = await person();
  await consent(process);
  const { refreshToken } = await process.grant();
  untilExpired();
  await process.token();
  const grant = await process.grant();
  // An old refresh token again: the server takes it for stolen and ends the grant.
  await process.stores.grants.write(grant, { ...grant, refreshToken: refreshToken! });
  untilExpired();
  expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
  await consent(process);
  expect(await process.token()).toMatchObject({ source: 'table' });
});

test('a revocation ends the grant at the server', async () => {
  const process = await person();
  await consent(process);
  const grant = await process.grant();
  expect(await process.revoke()).toEqual({ status: 'revoked', vendor: 'revoked' });
  await process.stores.grants.write(undefined, grant);
  untilExpired();
  expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
});

test('a device is connected by its code, and its grant refreshed', async () => {
  const members = custom({ grant: DEVICE_CODE_GRANT, client_auth: 'none' });
  const process = grantProcess(world, await world.connect(members, peer.secrets.device), { timing: quick });
  const started = device(await process.start());
  world.clock.advance(started.interval * 1000);
  expect(await process.proceed(started.consent)).toMatchObject({ status: 'pending' });
  await peer.approveDevice(started.verification_uri, started.user_code);
  world.clock.advance(started.interval * 1000);
  expect(await process.proceed(started.consent)).toEqual({ status: 'granted' });
  const { access_token } = await process.token();
  untilExpired();
  expect((await process.token()).access_token).not.toBe(access_token);
});
