/** What `cache-key.test.ts` says of names, seen from outside: nobody gets a token that was minted for something else. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Connection } from '../../shared/connections/connection.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import { type BrokerProcess, brokerWorld } from '../support/broker.ts';

const world = brokerWorld();

const scopes = ['application', 'application.read', 'application.session'];
const bits = (members: object = {}) =>
  world.connect({ vendor: 'bits', scopes, scope: 'application', ...members }, 'bits');

/** The token, or the code of the refusal. */
async function outcome(process: BrokerProcess, body: object, connection?: Connection): Promise<string> {
  try {
    const answer = await process.token(body, connection && { connection: connection.name });
    return `token ${answer.access_token}`;
  } catch (error) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}

/** Few characters, so that pairs are often nearly the same; among them what encodings fold together or refuse. */
const claim = fc.string({
  unit: fc.constantFrom(
    'a',
    'é',
    'e\u0301',
    '\ufffd',
    '\ud83d',
    '𝄞',
    '"',
    ',',
    '&',
    '=',
    '%',
    ' ',
    '\u0000',
    '\u202e',
  ),
  minLength: 1,
  maxLength: 2,
});
const claims = fc.record({ application_id: claim, workflow_id: claim, redirect_url: claim });

test('two sessions share a token exactly when all of their claims are the same, in any process', async () => {
  const connection = await bits({ vendor_budget: { per_minute: 1_000, per_principal: 1_000 } });
  const one = world.process(connection);
  const other = world.process(connection);
  const illFormed = /[\p{Cc}\p{Cs}]/u;
  await fc.assert(
    fc.asyncProperty(claims, claims, async (a, b) => {
      const ask = (process: BrokerProcess, params: object) =>
        outcome(process, { scope: 'application.session', params });
      const [first, second, again] = [await ask(one, a), await ask(other, b), await ask(other, a)];
      for (const [params, result] of [
        [a, first],
        [b, second],
      ] as const) {
        const refused = Object.values(params).some((value) => illFormed.test(value));
        expect(result.startsWith('token ')).toBe(!refused);
        if (refused) expect(result).toBe('invalid_request');
      }
      expect(again).toBe(first);
      if (first.startsWith('token ')) {
        expect(first === second).toBe(JSON.stringify(a) === JSON.stringify(b));
      }
    }),
    { numRuns: 60 },
  );
});

test('scopes and connections have tokens of their own, though the client is the same', async () => {
  const secret = 'shared-by-two';
  const one = await bits({ secret });
  const other: Connection = { ...one, name: `${one.name}-2` };
  const process = world.process([one, other]);
  const bodies = [{}, { scope: 'application.read' }, { scope: 'application application.read' }];
  const tokens = [
    ...(await Promise.all(bodies.map((body) => outcome(process, body, one)))),
    ...(await Promise.all(bodies.map((body) => outcome(process, body, other)))),
  ];
  expect(new Set(tokens).size).toBe(6);
});

test('the order and repetition of scopes, and saying the default, make no other token', async () => {
  const process = world.process(await bits());
  const [written, reversed] = [
    'application application.read',
    'application.read application application.read',
  ];
  expect(await outcome(process, { scope: written })).toBe(await outcome(process, { scope: reversed }));
  expect(await outcome(process, { scope: 'application' })).toBe(await outcome(process, {}));
  expect(await outcome(process, { subject: 'default', params: {} })).toBe(await outcome(process, {}));
});

test('a connection whose settings were changed gets no token of the old settings', async () => {
  const before = await bits();
  const variants: Connection[] = [
    before,
    { ...before, secret: (await bits()).secret },
    { ...before, baseUrl: before.baseUrl!.replace('127.0.0.1', 'localhost') },
  ];
  const tokens: string[] = [];
  for (const connection of variants) tokens.push(await outcome(world.process(connection), {}));
  expect(tokens.every((token) => token.startsWith('token '))).toBe(true);
  expect(new Set(tokens).size).toBe(variants.length);
  // Who may call it, and how often it may mint on demand, changes no token.
  const renamed = { ...before, owner: 'another team', minMintInterval: 1 };
  expect(await outcome(world.process(renamed), {})).toBe(tokens[0]);
});
