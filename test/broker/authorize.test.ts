import { describe, expect, test } from 'vitest';
import { authorizer } from '../../shared/broker/authorize.ts';
import { type Caller, DIRECT_INVOKER, httpsCaller } from '../../shared/broker/caller.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import { ACTIONS } from '../../shared/contract/messages.ts';
import { parse } from '../support/connections.ts';

const role = (name: string) => httpsCaller(`arn:aws:sts::111122223333:assumed-role/${name}/session`);
const principal = (name: string) => `arn:aws:iam::111122223333:role/${name}`;

const CONNECTIONS = parse({
  open: { vendor: 'open', scope: 'a b' },
  guarded: {
    vendor: 'open',
    scope: 'a',
    scopes: ['a', 'b', 'c'],
    callers: [
      { principal: principal('ci-*') },
      { principal: principal('ops'), actions: ['token'], scopes: ['a', 'b'], subjects: ['ann'] },
      { principal: principal('ops'), actions: ['token'], scopes: ['c'], subjects: ['bob'] },
      { principal: principal('admin'), actions: ['consent', 'revoke'] },
    ],
  },
  invokable: { vendor: 'open', callers: [{ principal: principal('ci-*') }], direct_invoke: true },
});
const { admit, permits, list } = authorizer(CONNECTIONS);
const guarded = CONNECTIONS.get('guarded')!;

function refusal(attempt: () => unknown): BrokerError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error('was admitted');
}

test('a connection without callers admits everyone whom IAM let through, for every action', () => {
  for (const action of ACTIONS) expect(admit(role('anyone'), 'open', action).name).toBe('open');
});

test('a rule without actions allows token and read', () => {
  expect(ACTIONS.filter((action) => permits(role('ci-x'), guarded, action))).toEqual(['token', 'read']);
  expect(ACTIONS.filter((action) => permits(role('admin'), guarded, action))).toEqual(['consent', 'revoke']);
  expect(ACTIONS.filter((action) => permits(role('other'), guarded, action))).toEqual([]);
});

test('one rule must cover principal, action, subject and all scopes: two halves do not make a whole', () => {
  const may = (subject: string, ...scopes: string[]) =>
    permits(role('ops'), guarded, 'token', { subject, scopes });
  expect(may('ann', 'a', 'b')).toBe(true);
  expect(may('bob', 'c')).toBe(true);
  expect(may('bob', 'a')).toBe(false);
  expect(may('ann', 'a', 'c')).toBe(false);
  expect(may('eve', 'a')).toBe(false);
  expect(permits(role('ops'), guarded, 'read', { subject: 'ann' })).toBe(false);
});

test('asking for no scope is not within a limit of scopes', () => {
  expect(permits(role('ops'), guarded, 'token', { subject: 'ann', scopes: [] })).toBe(false);
  expect(permits(role('ci-x'), guarded, 'token', { subject: 'ann', scopes: [] })).toBe(true);
});

test('an existing and a missing connection are refused byte for byte alike', () => {
  const existing = refusal(() => admit(role('other'), 'guarded', 'token'));
  const missing = refusal(() => admit(role('other'), 'missing', 'token'));
  const hostile = refusal(() => admit(role('other'), '__proto__', 'token'));
  expect(existing.code).toBe('access_denied');
  expect(JSON.stringify(missing)).toBe(JSON.stringify(existing));
  expect(JSON.stringify(hostile)).toBe(JSON.stringify(existing));
  expect(existing.message).not.toContain('guarded');
});

test('unknown_connection is for callers whom every connection admits for that action', () => {
  expect(refusal(() => admit(role('ci-x'), 'missing', 'token')).code).toBe('unknown_connection');
  expect(refusal(() => admit(role('ci-x'), 'missing', 'revoke')).code).toBe('access_denied');
});

test.each(['', '*', 'arn:aws:iam::111122223333:role/ci-x', 'lambda:invoke'])(
  'an identity that cannot be parsed (%j) is refused even where everyone is admitted',
  (arn) => {
    const caller = httpsCaller(arn);
    expect(refusal(() => admit(caller, 'open', 'token')).code).toBe('access_denied');
    expect(refusal(() => admit(caller, 'missing', 'token')).code).toBe('access_denied');
    expect(list(caller)).toEqual([]);
  },
);

test('the list holds what the caller may read', () => {
  expect(list(role('ci-x')).map(({ name }) => name)).toEqual(['open', 'guarded', 'invokable']);
  expect(list(role('admin')).map(({ name }) => name)).toEqual(['open']);
});

describe('direct invoke', () => {
  test('gets tokens of connections without callers, and of those that say direct_invoke', () => {
    expect(admit(DIRECT_INVOKER, 'open', 'token').name).toBe('open');
    expect(admit(DIRECT_INVOKER, 'invokable', 'token').name).toBe('invokable');
    expect(permits(DIRECT_INVOKER, guarded, 'token')).toBe(false);
  });

  test('of a connection with callers is refused with the way out', () => {
    const { code, message } = refusal(() => admit(DIRECT_INVOKER, 'guarded', 'token'));
    expect(code).toBe('access_denied');
    expect(message).toMatch(/"guarded" takes no direct invoke.*over HTTPS.*"direct_invoke": true/);
  });

  test('gives nothing but tokens', () => {
    for (const action of ACTIONS.filter((each) => each !== 'token')) {
      expect(refusal(() => admit(DIRECT_INVOKER, 'open', action)).message).toMatch(/tokens only/);
    }
    expect(list(DIRECT_INVOKER)).toEqual([]);
  });

  test('learns nothing of connections that it cannot invoke', () => {
    expect(refusal(() => admit(DIRECT_INVOKER, 'missing', 'token')).code).toBe('access_denied');
  });

  test('does not admit by an ARN: a rule that fits it is not looked at', () => {
    const forged: Caller = { arn: role('ci-x').arn, via: 'invoke' };
    expect(permits(forged, guarded, 'token')).toBe(false);
  });
});

test('with no connections there is none to hide', () => {
  expect(refusal(() => authorizer(new Map()).admit(role('x'), 'y', 'token')).code).toBe('unknown_connection');
});
