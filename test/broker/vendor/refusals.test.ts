/** Invariant 8: a wrong secret is found out once, not once per caller, and a right one is noticed at once. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../../shared/connections/connection.ts';
import { brokerWorld, counted, mints, refusal } from '../../support/broker.ts';

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
