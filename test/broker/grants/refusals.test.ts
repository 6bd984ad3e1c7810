import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Redacted } from '../../../shared/contract/redacted.ts';
import { fingerprint } from '../../../shared/oauth/token.ts';
import { brokerWorld, refusal } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, quick, redirecting } from '../../support/grants.ts';
import { json, startHttpPeer } from '../../support/http-peer.ts';

const world = brokerWorld();

/** A grant for the scopes a and b of the vendor at this origin. */
async function consentedAt(origin: string): Promise<GrantProcess> {
  const connection = await world.connect(
    {
      vendor: 'custom',
      grant: 'authorization_code',
      token_endpoint: `${origin}/token`,
      authorization_endpoint: `${origin}/authorize`,
      scope: 'a b',
    },
    { client_id: 'c', client_secret: 's' },
  );
  const process = grantProcess(world, connection, { timing: quick });
  const { authorization_url } = redirecting(await process.start());
  const { searchParams } = new URL(authorization_url);
  const back = new URL(searchParams.get('redirect_uri')!);
  back.search = new URLSearchParams({ code: 'x', state: searchParams.get('state')! }).toString();
  await process.callback(back);
  return process;
}

describe('what the vendor says of one scope', () => {
  test('stands against no other, nor against the sweep', async () => {
    const peer = await startHttpPeer();
    peer.replyWith((response, received, { grant_type, scope } = received.parameters) => {
      const refused = grant_type === 'refresh_token' && scope === 'b';
      const reply = refused ? json(400, { error: 'invalid_scope' }) : json(200, anAnswer());
      reply(response, received);
    });
    const process = await consentedAt(peer.origin);
    world.clock.advance(3_700_000);
    const { dueAt } = await process.grant();
    expect(await refusal(process.token({ scope: 'b' }))).toMatchObject({ vendor_error: 'invalid_scope' });
    // Held with backoff for its own callers.
    expect(await refusal(process.token({ scope: 'b' }))).toMatchObject({ vendor_error: 'invalid_scope' });
    expect(peer.received.filter(({ parameters }) => parameters.scope === 'b')).toHaveLength(1);
    expect((await process.grant()).dueAt).toBe(dueAt);
    expect(await process.sweep()).toMatchObject({ renewed: 1 });
    expect((await process.token({ scope: 'a' })).warning).toBeUndefined();
    expect((await process.grant()).failures).toMatchObject({ b: { count: 1 } });
    await peer.close();
  });

  test('a refresh of one scope on demand holds back none of another', async () => {
    const peer = await startHttpPeer();
    peer.replyWith((response, received) => json(200, anAnswer())(response, received));
    const process = await consentedAt(peer.origin);
    const [a, b] = [await process.token({ scope: 'a' }), await process.token({ scope: 'b' })];
    world.clock.advance(60_000);
    const print = (answer: { access_token: string }) => fingerprint(new Redacted(answer.access_token));
    await process.token({ scope: 'a', rejected: print(a) });
    expect(await process.token({ scope: 'b', rejected: print(b) })).toMatchObject({ source: 'vendor' });
    await peer.close();
  });
});

describe('a refresh token that is told to be dead', () => {
  test('by bare refusals, some in a row over some minutes, needs a consent, until a later try works', async () => {
    let dead = true;
    const peer = await startHttpPeer();
    peer.replyWith((response, received, { grant_type } = received.parameters) =>
      (dead && grant_type === 'refresh_token' ? json(400, {}) : json(200, anAnswer()))(response, received),
    );
    const process = await consentedAt(peer.origin);
    world.clock.advance(3_700_000);
    for (const passed of [60_000, 120_000]) {
      expect(await refusal(process.token())).toMatchObject({ error: 'vendor_rejected' });
      world.clock.advance(passed);
    }
    expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
    const ended = await process.grant();
    expect(ended).toMatchObject({ status: 'consent_required', refreshToken: expect.anything() });
    dead = false;
    world.clock.advance(ended.dueAt - world.clock.now());
    expect(await process.sweep()).toMatchObject({ renewed: 1 });
    expect(await process.describe()).toMatchObject({ grant_status: 'active' });
    await peer.close();
  });

  test('by invalid_grant too early is tried again after minutes, hours and days, and then no more', async () => {
    let told = 0;
    const peer = await startHttpPeer();
    peer.replyWith((response, received, { grant_type } = received.parameters) => {
      if (grant_type !== 'refresh_token') return json(200, anAnswer())(response, received);
      told += 1;
      json(400, { error: 'invalid_grant' })(response, received);
    });
    const process = await consentedAt(peer.origin);
    world.clock.advance(3_700_000);
    expect(await refusal(process.token())).toMatchObject({ error: 'consent_required' });
    for (let looks = 1; looks <= 5; looks += 1) {
      const { dueAt } = await process.grant();
      world.clock.advance(dueAt - world.clock.now());
      expect(await process.sweep()).toMatchObject({ failed: 0 });
      expect(told).toBe(1 + looks);
    }
    const year = 365 * 86_400_000;
    expect((await process.grant()).dueAt).toBeGreaterThan(world.clock.now() + year);
    expect(process.changes().filter((change) => change === 'consent_required')).toHaveLength(1);
    await peer.close();
  });
});

const anAnswer = () => ({
  access_token: randomUUID(),
  token_type: 'Bearer',
  expires_in: 3_600,
  refresh_token: randomUUID(),
});
