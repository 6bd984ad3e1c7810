/** Invariant 8: a wrong secret is found out once, not once per caller, and a right one is noticed at once. */
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Connection } from '../../../shared/connections/connection.ts';
import { brokerWorld, counted, mints, refusal } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, portal, quick } from '../../support/grants.ts';
import { json, type Reply, startHttpPeer, text } from '../../support/http-peer.ts';

const world = brokerWorld();

const SCOPES = ['application', 'application.read'];
const REFUSED = { error: 'vendor_rejected', vendor_error: 'invalid_client' };

const secretOf = (client_secret: string, client_id: string) => ({ client_id, client_secret });

/** A client of its own at the simulated Bits, whose secret may change. */
function newClient() {
  const clientId = `client-${randomUUID()}`;
  const register = (clientSecret: string) =>
    world.vendors.bits.registerClient({
      clientId,
      clientSecret,
      grants: ['client_credentials'],
      scopes: SCOPES,
    });
  register('right');
  return { register, secret: (value: string) => secretOf(value, clientId) };
}

const connect = (secret: object): Promise<Connection> =>
  world.connect({ vendor: 'bits', scopes: SCOPES, scope: 'application' }, secret);

const asked = () => mints(world, 'bits');
/** How many tokens the vendor gave. */
const given = () => world.vendors.bits.counters.snapshot().mints;
const read = { scope: 'application.read' };

describe('a secret that the vendor refuses', () => {
  test('is told once per version, whichever key is asked for, in whatever process', async () => {
    const client = newClient();
    const connection = await connect(client.secret('wrong'));
    const process = world.process(connection);
    expect(await refusal(process.token())).toMatchObject(REFUSED);
    for (const each of [process, world.process(connection)]) {
      for (const body of [{}, read]) {
        expect(await refusal(each.token(body))).toMatchObject({
          ...REFUSED,
          retry_after: expect.any(Number),
        });
      }
    }
    expect(asked()).toBe(1);
  });

  test('is asked about again when the hold is over, and then held for longer', async () => {
    const client = newClient();
    const process = world.process(await connect(client.secret('wrong')));
    await refusal(process.token());
    world.clock.advance(2_000);
    await refusal(process.token(read));
    expect(asked()).toBe(2);
    world.clock.advance(3_000);
    await refusal(process.token());
    expect(asked()).toBe(2);
  });

  test('counts for nothing when the next version is refused, too: that is held as at first', async () => {
    const client = newClient();
    const connection = await connect(client.secret('wrong'));
    const process = world.process(connection);
    for (const hold of [2_000, 4_000, 8_000]) {
      await refusal(process.token());
      world.clock.advance(hold);
    }
    await world.putSecret(connection, client.secret('wrong as well'));
    world.clock.advance(10_000);
    await refusal(process.token());
    expect(await refusal(process.token())).toMatchObject({ ...REFUSED, retry_after: 2 });
  });

  test('is remembered by the process even when DynamoDB is down', async () => {
    const client = newClient();
    const process = world.process(await connect(client.secret('wrong')));
    world.dynamodb.inject('reset');
    await refusal(process.token());
    expect(await refusal(process.token(read))).toMatchObject(REFUSED);
    expect(asked()).toBe(1);
  });

  test('is read again at most every 10 s while the refusal is remembered', async () => {
    const client = newClient();
    const process = world.process(await connect(client.secret('wrong')), {
      timing: { refusalFirst: 60_000 },
    });
    await refusal(process.token());
    const ask = async () => {
      for (let count = 0; count < 20; count += 1) await refusal(process.token(count % 2 ? {} : read));
    };
    expect(await counted(world.secretsManager, ask)).toEqual({});
    world.clock.advance(10_000);
    expect(await counted(world.secretsManager, ask)).toEqual({ GetSecretValue: 1 });
    world.clock.advance(10_000);
    expect(await counted(world.secretsManager, ask)).toEqual({ GetSecretValue: 1 });
    expect(asked()).toBe(1);
  });
});

describe('a new version of the secret', () => {
  test('is used by a process that sees it, though the old one’s refusal is held', async () => {
    const client = newClient();
    const connection = await connect(client.secret('wrong'));
    const process = world.process(connection, { timing: { refusalFirst: 60_000 } });
    await refusal(process.token());
    await world.putSecret(connection, client.secret('right'));
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
    // This process has the old version in its cache, and looks again 10 s after the refusal.
    expect(await refusal(process.token(read))).toMatchObject(REFUSED);
    world.clock.advance(10_000);
    expect(await process.token(read)).toMatchObject({ source: 'vendor' });
    expect(asked()).toBe(3);
  });

  test('is found past the cache when the vendor refuses the old one', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    const process = world.process(connection);
    await process.token();
    client.register('newer');
    await world.putSecret(connection, client.secret('newer'));
    expect(await process.token(read)).toMatchObject({ source: 'vendor' });
    expect(asked()).toBe(3);
  });

  test('that is refused as well is not tried again by the next key', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    const process = world.process(connection);
    await process.token();
    client.register('newest');
    await world.putSecret(connection, client.secret('newer, but wrong'));
    const before = asked();
    expect(await refusal(process.token(read))).toMatchObject(REFUSED);
    expect(asked() - before).toBe(2);
    const { warning } = await process.token({ min_ttl: 86_400 });
    expect(warning).toContain('invalid_client');
    expect(asked() - before).toBe(2);
  });
});

describe('in the middle of a rotation', () => {
  test('the pending version is tried when the current one is refused', async () => {
    const client = newClient();
    const connection = await connect(client.secret('old'));
    await world.putSecret(connection, client.secret('right'), ['AWSPENDING']);
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
    expect(asked()).toBe(2);
  });

  test('the previous version is tried when the current one is refused', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    await world.putSecret(connection, client.secret('not yet known'));
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
    expect(asked()).toBe(2);
  });

  test('the version that works is remembered, so that the refused one is sent once, in whatever process', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    await world.putSecret(connection, client.secret('not yet known'));
    const process = world.process(connection);
    await process.token();
    for (let count = 0; count < 5; count += 1) {
      world.clock.advance(3_700_000);
      await process.token();
      await world.process(connection).token(read);
    }
    expect(asked() - given()).toBe(1);
  });

  test('the current version is tried again when the one that stood in for it is refused', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    await world.putSecret(connection, client.secret('not yet known'));
    const process = world.process(connection);
    await process.token();
    client.register('not yet known');
    world.clock.advance(3_700_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    const before = asked();
    world.clock.advance(3_700_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(asked() - before).toBe(1);
  });

  test('a pending version that is no usable secret is passed over', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    await world.putSecret(connection, client.secret('not yet known'));
    await world.putSecret(connection, { nothing: 'useful' }, ['AWSPENDING']);
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
    expect(asked()).toBe(2);
  });

  test('three wrong versions are tried once each, and never in a loop', async () => {
    const client = newClient();
    const connection = await connect(client.secret('one'));
    await world.putSecret(connection, client.secret('two'));
    await world.putSecret(connection, client.secret('three'), ['AWSPENDING']);
    const process = world.process(connection);
    expect(await refusal(process.token())).toMatchObject(REFUSED);
    expect(asked()).toBe(3);
    expect(await refusal(process.token(read))).toMatchObject(REFUSED);
    expect(asked()).toBe(3);
  });

  test('another error than invalid_client sends no other version', async () => {
    const client = newClient();
    const connection = await connect(client.secret('right'));
    await world.putSecret(connection, client.secret('right'));
    world.vendors.bits.setFault({ fault: 'oauth_error', error: 'unauthorized_client', times: 0 });
    expect(await refusal(world.process(connection).token())).toMatchObject({
      error: 'vendor_rejected',
      vendor_error: 'unauthorized_client',
    });
    expect(asked()).toBe(1);
  });
});

/** A server that takes one secret, by HTTP Basic, and refuses others as it is told. */
async function basicServer(refuse: Reply) {
  const peer = await startHttpPeer();
  onTestFinished(() => peer.close());
  const state = { secret: 'one', refused: 0 };
  peer.replyWith((response, received) => {
    const basic = Buffer.from((received.headers.authorization ?? '').slice(6), 'base64').toString();
    const right = basic.split(':')[1] === state.secret;
    if (!right) state.refused += 1;
    const answer = { access_token: `at-${randomUUID()}`, expires_in: 120 };
    (right ? json(200, answer) : refuse)(response, received);
  });
  const connection = await world.connect(
    { vendor: 'custom', token_endpoint: `${peer.origin}/token` },
    secretOf('one', 'c'),
  );
  return { state, connection };
}

describe('a client that is refused oddly', () => {
  test.each<[string, Reply]>([
    ['401 with an empty body', text(401, '', { 'www-authenticate': 'Basic realm="token"' })],
    ['401 with HTML', text(401, '<html>Unauthorized</html>')],
    ['401 with a message', text(401, '{"message":"Unauthorized"}')],
    ['401 with an error of the server’s own', json(401, { error: 'bad_credentials' })],
    ['a bare 403', text(403, '')],
    ['400 unauthorized_client', json(400, { error: 'unauthorized_client' })],
  ])('(%s) has its secret read again, and nobody notices a rotation', async (_, refuse) => {
    const { state, connection } = await basicServer(refuse);
    const process = world.process(connection);
    await process.token();
    await world.putSecret(connection, secretOf('two', 'c'));
    state.secret = 'two';
    world.clock.advance(121_000);
    expect(await process.token()).toMatchObject({ source: 'vendor' });
    expect(state.refused).toBe(1);
  });

  test('by a 401 is remembered like invalid_client: the secret is sent once', async () => {
    const { state, connection } = await basicServer(text(401, ''));
    state.secret = 'another';
    const process = world.process(connection);
    await refusal(process.token());
    expect(await refusal(process.token({ min_ttl: 60 }))).toMatchObject({ error: 'vendor_rejected' });
    await refusal(world.process(connection).token());
    expect(state.refused).toBe(1);
  });

  test('by a 403 is not held against other keys, and sends no other version of the secret', async () => {
    const { state, connection } = await basicServer(text(403, ''));
    await world.putSecret(connection, secretOf('one', 'c'));
    state.secret = 'another';
    const process = world.process(connection);
    await refusal(process.token());
    expect(state.refused).toBe(1);
  });
});

describe('the secret of a connection with grants', () => {
  const wrong = async (process: GrantProcess) => {
    const right = (await world.vendors.bugfender.clientSecrets())['bugfender-integration']!;
    // Twice, so that the right one is not even the previous version.
    await world.putSecret(process.connection, { ...right, client_secret: 'wrong' });
    await world.putSecret(process.connection, { ...right, client_secret: 'wrong again' });
    return { mend: () => world.putSecret(process.connection, right) };
  };
  const refusedForLong = async (process: GrantProcess) => {
    for (let hold = 0; hold < 58; world.clock.advance(hold * 1000)) {
      const { retry_after } = await refusal(process.token());
      hold = (retry_after as number | undefined) ?? 1;
    }
  };

  test('is tried by the next caller once it is right, however long the wrong one was refused', async () => {
    const consented = grantProcess(world, await portal(world), { timing: quick });
    await consented.consent();
    world.clock.advance(3_700_000);
    const { mend } = await wrong(consented);
    await refusedForLong(grantProcess(world, consented.connection, { timing: quick }));
    await mend();
    expect(await grantProcess(world, consented.connection, { timing: quick }).token()).toMatchObject({
      source: 'vendor',
    });
  });

  test('is tried by the sweep within a minute once it is right', async () => {
    const consented = grantProcess(world, await portal(world), { timing: quick });
    await consented.consent();
    const { mend } = await wrong(consented);
    const cold = grantProcess(world, consented.connection, { timing: quick });
    for (let sweeps = 0; sweeps < 8; sweeps += 1) {
      world.clock.advance(Math.max(0, (await consented.grant()).dueAt - world.clock.now()));
      await cold.sweep();
    }
    await mend();
    world.clock.advance(60_000);
    expect(await grantProcess(world, consented.connection, { timing: quick }).sweep()).toMatchObject({
      renewed: 1,
    });
  });

  test('that is refused costs no write of a grant while the refusal is held', async () => {
    const consented = grantProcess(world, await portal(world), { timing: quick });
    await consented.consent();
    world.clock.advance(3_700_000);
    await wrong(consented);
    const process = grantProcess(world, consented.connection, { timing: quick });
    await refusal(process.token());
    const asked = await counted(world.dynamodb, () => refusal(process.token()));
    expect(asked).not.toHaveProperty('PutItem');
  });
});

test('a connection’s state says which step failed, the status and the vendor’s error', async () => {
  const process = grantProcess(world, await portal(world), { timing: quick });
  await process.consent();
  world.clock.advance(3_700_000);
  world.vendors.bugfender.setFault({ fault: 'oauth_error', error: 'unauthorized_client', times: 0 });
  await refusal(process.token());
  expect((await process.describe()).last_failure).toMatchObject({
    error: 'vendor_rejected',
    step: 'refresh',
    http_status: 400,
    vendor_error: 'unauthorized_client',
  });
});

describe('a secret that cannot be used', () => {
  test.each<[string, object, RegExp]>([
    ['a member is missing', { client_id: 'x' }, /client_secret is missing/],
    ['it is no object', ['x'], /an array, not an object/],
  ])('is secret_unavailable where %s, and nothing is sent', async (_, secret, text) => {
    const refused = await refusal(world.process(await connect(secret)).token());
    expect(refused).toMatchObject({
      error: 'secret_unavailable',
      error_description: expect.stringMatching(text),
    });
    expect(asked()).toBe(0);
  });

  test('is read again for the next caller, so that mending it helps', async () => {
    const client = newClient();
    const connection = await connect({ client_id: 'x' });
    expect(await refusal(world.process(connection).token())).toMatchObject({ error: 'secret_unavailable' });
    await world.putSecret(connection, client.secret('right'));
    expect(await world.process(connection).token()).toMatchObject({ source: 'vendor' });
  });
});

test('Secrets Manager that is down stops nobody whose secret is known', async () => {
  const client = newClient();
  const process = world.process(await connect(client.secret('right')));
  await process.token();
  world.secretsManager.inject('reset');
  world.clock.advance(400_000);
  expect(await process.token(read)).toMatchObject({ source: 'vendor' });
});
