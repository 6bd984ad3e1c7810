/** Invariant 7: authorization covers the answer as well as the question. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpsCaller } from '../../shared/broker/caller.ts';
import type { Connection } from '../../shared/connections/connection.ts';
import { jsonBody } from '../support/ask.ts';
import { type BrokerProcess, brokerWorld, HTTPS_LIMIT, refusal } from '../support/broker.ts';
import { type HttpPeer, json, startHttpPeer } from '../support/http-peer.ts';

const world = brokerWorld();
let peer: HttpPeer;
beforeAll(async () => {
  peer = await startHttpPeer();
});
afterAll(() => peer.close());

const callers = [
  { principal: 'arn:aws:iam::111122223333:role/reader', scopes: ['read'] },
  { principal: 'arn:aws:iam::111122223333:role/halves', scopes: ['read'] },
  { principal: 'arn:aws:iam::111122223333:role/halves', scopes: ['write'] },
  { principal: 'arn:aws:iam::111122223333:role/anything' },
];

/** A connection whose vendor says of every token that it has this scope. */
function answering(scope: unknown): Promise<Connection> {
  peer.replyWith(json(200, { access_token: 'token-1', token_type: 'Bearer', expires_in: 3600, scope }));
  const members = {
    token_endpoint: `${peer.origin}/token`,
    scope: 'read',
    scopes: ['read', 'write'],
    callers,
  };
  return world.connect({ vendor: 'custom', ...members }, { client_id: 'c', client_secret: 's' });
}

function ask(process: BrokerProcess, { name: connection }: Connection, role: string, body: object = {}) {
  const begunAt = world.clock.now();
  const caller = httpsCaller(`arn:aws:sts::111122223333:assumed-role/${role}/session`);
  const span = { begunAt, endsAt: begunAt + HTTPS_LIMIT };
  return process.broker.token({ caller, connection, span, body: jsonBody(body) });
}

test.each(['reader', 'halves'])(
  'a token that says it is broader than the rule is not given to %s: from vendor, memory or table',
  async (role) => {
    const connection = await answering('openid read write');
    const [process, other] = [world.process(connection), world.process(connection)];
    for (const each of [process, process, other]) {
      expect(await refusal(ask(each, connection, role))).toMatchObject({
        error: 'access_denied',
        error_description: expect.stringContaining('"openid read write"'),
      });
    }
    expect(peer.received).toHaveLength(1);
    expect(process.events).toContainEqual(
      expect.objectContaining({ type: 'audit', outcome: 'access_denied' }),
    );
    expect(JSON.stringify(process.events)).not.toContain('"fingerprint"');
    // Whoever has no limit has it as before.
    expect(await ask(process, connection, 'anything')).toMatchObject({
      access_token: 'token-1',
      scope: 'openid read write',
      source: 'memory',
    });
  },
);

test.each(['read', ' read  read ', '', undefined, null])(
  'a token with scope %j is within a rule for "read"',
  async (scope) => {
    const connection = await answering(scope);
    const answer = await ask(world.process(connection), connection, 'reader');
    expect(answer).toMatchObject({ access_token: 'token-1' });
    expect(answer).not.toHaveProperty('warning');
  },
);

test('a token that has less than was asked for is given with a warning that names what is missing', async () => {
  const connection = await answering('read');
  const process = world.process(connection);
  const answer = await ask(process, connection, 'anything', { scope: 'read write' });
  expect(answer).toMatchObject({
    access_token: 'token-1',
    scope: 'read',
    warning: 'The vendor gave less than was asked for: this token does not have scope "write".',
  });
  expect(process.events).toContainEqual(
    expect.objectContaining({
      type: 'audit',
      outcome: 'success',
      warning: expect.stringContaining('"write"'),
    }),
  );
});
