import { expect, test } from 'vitest';
import { BoundedMap } from '../../functions/simulator/bounded-map.ts';
import { admitsRedirect } from '../../functions/simulator/clients.ts';
import { jwtLike } from '../../functions/simulator/tokens.ts';

test('a bounded map forgets its oldest entry', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('c', 3);
  expect([...map.keys()]).toEqual(['b', 'c']);
});

test('no two tokens are the same', () => {
  expect(jwtLike('HS256', { sub: 'x' })).not.toBe(jwtLike('HS256', { sub: 'x' }));
});

test.each([
  ['http://127.0.0.1:8787/callback', true],
  ['http://127.0.0.1:1/callback', true],
  ['http://127.0.0.1:/callback', false],
  ['http://127.0.0.1:8787/callback?x=1', false],
  ['http://127.0.0.1:80@evil.example:1/callback', false],
  ['https://127.0.0.1:8787/callback', false],
  ['', false],
])('a client registered for any loopback port may be sent to %j: %s', (uri, admitted) => {
  const client = { clientId: 'c', grants: [], scopes: [], redirectUris: ['http://127.0.0.1:*/callback'] };
  expect(admitsRedirect(client, uri)).toBe(admitted);
});
