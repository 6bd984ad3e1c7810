/** Every recipe, as it stands, at a vendor that has the habits which it is written for. */
import { generateKeyPairSync } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parseConnectionsText } from '../../shared/connections/parse.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import { fingerprint } from '../../shared/oauth/token.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { brokerWorld, refusal } from '../support/broker.ts';
import { type GrantProcess, grantProcess, quick } from '../support/grants.ts';
import { pageText, ROOT } from '../support/pages.ts';
import { type Habits, type RecipePeer, SECRET, startRecipePeer } from './recipe-peer.ts';

const FOLDER = 'shared/vendors/recipes';
const INVALID_GRANT = [400, { error: 'invalid_grant' }] as const;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** What the page of each recipe says of its vendor. */
const HABITS: Readonly<Record<string, Habits>> = {
  auth0: {
    issuer: '/',
    authorize: '/authorize',
    token: '/oauth/token',
    revoke: '/oauth/revoke',
    client: 'post',
    asks: { audience: 'https://your-api.example.com', scope: 'offline_access read:things' },
    lifetime: 86_400,
    refreshTokens: 'rotate',
    refusal: [403, { error: 'invalid_grant' }],
  },
  okta: {
    issuer: '/oauth2/default',
    authorize: '/oauth2/default/v1/authorize',
    token: '/oauth2/default/v1/token',
    revoke: '/oauth2/default/v1/revoke',
    client: 'basic',
    lifetime: 3_600,
    refreshTokens: 'rotate',
    grace: 30,
    refusal: INVALID_GRANT,
  },
  entra: {
    issuer: '/YOUR-TENANT-ID/v2.0',
    authorize: '/YOUR-TENANT-ID/oauth2/v2.0/authorize',
    token: '/YOUR-TENANT-ID/oauth2/v2.0/token',
    userinfo: 'https://graph.microsoft.com/oidc/userinfo',
    client: 'post',
    lifetime: 3_599,
    refreshTokens: 'rotate',
    grace: Number.POSITIVE_INFINITY,
    answer: (members) => ({
      ...members,
      scope: 'https://graph.microsoft.com/User.Read',
      ext_expires_in: 3_599,
    }),
    refusal: [400, { error: 'interaction_required', error_codes: [50_079] }],
  },
  google: {
    token: '/token',
    client: 'key',
    claims: { sub: 'user@your-domain.example', scope: 'https://www.googleapis.com/auth/calendar.readonly' },
    lifetime: 3_599,
    refreshTokens: 'none',
    refusal: INVALID_GRANT,
  },
  salesforce: {
    token: '/services/oauth2/token',
    client: 'key',
    claims: { sub: 'integration@your-company.example', aud: 'https://login.salesforce.com' },
    lifetime: 7_200,
    silentOnLifetime: true,
    refreshTokens: 'none',
    answer: (members) => ({
      ...members,
      instance_url: 'https://your-domain.my.salesforce.com',
      scope: 'api',
    }),
    refusal: INVALID_GRANT,
  },
  xero: {
    authorize: '/identity/connect/authorize',
    token: '/connect/token',
    revoke: '/connect/revocation',
    client: 'basic',
    lifetime: 1_800,
    refreshTokens: 'rotate',
    grace: 1_800,
    refusal: INVALID_GRANT,
  },
  hubspot: {
    authorize: '/oauth/authorize',
    token: '/oauth/2026-03/token',
    revoke: '/oauth/2026-03/token/revoke',
    client: 'post',
    lifetime: 1_800,
    refreshTokens: 'stay',
    refusal: [400, { status: 'BAD_REFRESH_TOKEN', message: 'missing or invalid refresh token' }],
  },
  github: {
    authorize: '/login/oauth/authorize',
    token: '/login/oauth/access_token',
    client: 'post',
    asks: { scope: undefined },
    lifetime: 28_800,
    refreshTokens: 'rotate',
    kills: true,
    formByDefault: true,
    answer: (members) => ({
      ...members,
      scope: '',
      token_type: 'bearer',
      refresh_token_expires_in: 15_897_600,
    }),
    refusal: [200, { error: 'bad_refresh_token' }],
  },
  zoom: {
    token: '/oauth/token',
    client: 'basic',
    wants: { grant_type: 'account_credentials', account_id: 'YOUR-ACCOUNT-ID' },
    lifetime: 3_600,
    refreshTokens: 'none',
    answer: (members) => ({ ...members, token_type: 'bearer', scope: 'user:read:admin' }),
    refusal: [400, { reason: 'Invalid client_id or client_secret', error: 'invalid_client' }],
  },
  slack: {
    authorize: '/oauth/v2/authorize',
    token: '/api/oauth.v2.access',
    client: 'basic',
    asks: { user_scope: 'channels:read,chat:write', scope: undefined, code_challenge: undefined },
    lifetime: 43_200,
    refreshTokens: 'rotate',
    answer: (members, first) => {
      const user = { ...members, scope: 'channels:read,chat:write', token_type: 'user' };
      return first ? { ok: true, app_id: 'A1', authed_user: { id: 'U1', ...user } } : { ok: true, ...user };
    },
    refusal: [200, { ok: false, error: 'invalid_refresh_token' }],
  },
};

const read = (name: string) => readFileSync(join(ROOT, FOLDER, `${name}.json`), 'utf8');
const membersOf = (name: string) => JSON.parse(read(name)).connections[name];

test('there is a recipe for each, which the schema takes as it stands, and a section of the page', () => {
  const names = globSync(`${FOLDER}/*.json`, { cwd: ROOT }).map((path) => basename(path, '.json'));
  expect(names.sort()).toEqual(Object.keys(HABITS).sort());
  for (const name of names) {
    const options = { vendors: VENDORS, allowLoopbackHttp: false };
    expect([...parseConnectionsText(read(name), options).keys()]).toEqual([name]);
    expect(pageText(`${FOLDER}/README.md`)).toContain(`(${name}.json)`);
  }
});

const world = brokerWorld();
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY = {
  client_id: SECRET.client_id,
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

const named = (consenting: boolean) =>
  Object.entries(HABITS).filter(([, { authorize }]) => (authorize !== undefined) === consenting);

let peer: RecipePeer;

/** A process of the broker that has the recipe, with its hosts replaced by the peer. */
async function connect(name: string, habits: Habits): Promise<GrantProcess> {
  const started = await startRecipePeer(habits, { now: world.clock.now, publicKey });
  onTestFinished(async () => {
    await started.close();
    expect(started.complaints).toEqual([]);
  });
  peer = started;
  const members = { ...membersOf(name), base_url: peer.origin };
  const connection = await world.connect(members, habits.client === 'key' ? KEY : SECRET);
  return grantProcess(world, connection, { timing: quick });
}

const another = ({ connection }: GrantProcess) => grantProcess(world, connection, { timing: quick });
const expire = ({ lifetime }: Habits) => world.clock.advance(lifetime * 1_000);

/** Four that ask at once, with nothing in memory. */
async function rush(process: GrantProcess): Promise<string> {
  const answers = await Promise.all(Array.from({ length: 4 }, () => another(process).token()));
  const [token, ...others] = new Set(answers.map(({ access_token }) => access_token));
  expect(others).toEqual([]);
  return token!;
}

describe.each(named(true))('%s', (name, habits) => {
  let process: GrantProcess;
  let first: string;
  beforeEach(async () => {
    process = await connect(name, habits);
    await process.consent();
    first = (await process.token()).access_token;
  });

  test('a consent gives a token that is served for its life, and then another by a refresh', async () => {
    expect(await process.token()).toMatchObject({ access_token: first, token_type: 'Bearer' });
    expect(peer.received('refresh_token')).toBe(0);
    for (let round = 1; round <= 3; round += 1) {
      expire(habits);
      const { access_token, expires_in } = await process.token();
      expect(expires_in).toBeGreaterThan(habits.lifetime - 60);
      expect(peer.isLive(access_token)).toBe(true);
      expect(peer.received('refresh_token')).toBe(round);
    }
  });

  test('processes that ask at once spend one refresh token', async () => {
    expire(habits);
    expect(peer.isLive(await rush(process))).toBe(true);
    expect(peer.received('refresh_token')).toBe(1);
  });

  test('a token that a refresh has ended is served by nobody', async () => {
    const other = another(process);
    expect((await other.token()).access_token).toBe(first);
    await process.token({ rejected: fingerprint(new Redacted(first)) });
    expect(peer.isLive((await other.token()).access_token)).toBe(true);
  });

  test('a grant that the vendor has ended takes a new consent, whatever it is called there', async () => {
    peer.end();
    const said: unknown[] = [];
    // What is not named is believed when it has been said again and again.
    expire(habits);
    do {
      world.clock.advance(90_000);
      said.push((await refusal(process.token())).error);
    } while (said.at(-1) === 'vendor_rejected' && said.length < 5);
    expect(said.at(-1)).toBe('consent_required');
    expect(said.length === 1).toBe('error' in habits.refusal[1]);
    expect(await process.describe()).toMatchObject({ grant_status: 'consent_required' });
  });

  test('a revocation gives the refresh token back where the vendor takes it', async () => {
    const { refreshToken } = await process.grant();
    await process.revoke();
    expect(peer.revoked).toEqual(habits.revoke ? [refreshToken!.reveal()] : []);
    expect((await refusal(process.token())).error).toBe('consent_required');
  });

  test.runIf(habits.grace)('an answer that is lost is asked for again within the grace window', async () => {
    expire(habits);
    peer.loseNextAnswer();
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(peer.received('refresh_token')).toBe(2);
  });
});

describe.each(named(false))('%s', (name, habits) => {
  const grantType = habits.wants?.grant_type ?? JWT_BEARER;

  test('gives a token to the four that ask at once, serves it for its life, and then another', async () => {
    const process = await connect(name, habits);
    const first = await rush(process);
    expect(await process.token()).toMatchObject({ access_token: first, token_type: 'Bearer' });
    expect(peer.received(grantType)).toBe(1);
    expire(habits);
    const { access_token, expires_in } = await process.token();
    expect(access_token).not.toBe(first);
    expect(expires_in).toBeGreaterThan(habits.lifetime - 60);
    peer.end();
    expire(habits);
    expect((await refusal(process.token())).error).toBe('vendor_rejected');
  });
});
