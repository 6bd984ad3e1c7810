import { describe, expect, test } from 'vitest';
import { routesOf } from '../../infra/access.ts';
import { ACTIONS } from '../../shared/contract/messages.ts';
import {
  actionOf,
  CALLER_ROUTES,
  callerOperation,
  fillPath,
  matchRoute,
  PUBLIC_ROUTES,
  partsOf,
  ROUTES,
  type RouteKey,
} from '../../shared/contract/routes.ts';

const EXAMPLES: Readonly<Record<string, string>> = { connection: 'logs', consent: 'c-1', subject: 'a%20b' };
const pathOf = (key: RouteKey) => fillPath(key, (parameter) => EXAMPLES[parameter]!);

test.each(CALLER_ROUTES)('the path of %s leads to its own operation, and to no other route’s', (key) => {
  expect(matchRoute(partsOf(key).method, pathOf(key))?.key).toBe(key);
  expect(callerOperation(key, pathOf(key))).toBe(ROUTES[key].operation);
  const elsewhere = CALLER_ROUTES.filter((other) => partsOf(other).path !== partsOf(key).path);
  for (const other of elsewhere) expect(callerOperation(other, pathOf(key))).toBeUndefined();
});

test.each(PUBLIC_ROUTES)(
  'a request to %s, which nobody signs, never reaches an operation of callers',
  (key) => {
    expect(matchRoute(partsOf(key).method, pathOf(key))?.key).toBe(key);
    expect(callerOperation(key, pathOf(key))).toBeUndefined();
  },
);

test('an operation needs one action, whichever route leads to it', () => {
  for (const key of CALLER_ROUTES) expect(actionOf(ROUTES[key].operation)).toBe(ROUTES[key].action);
});

test('a path of the right form is matched with its parameters as they travel', () => {
  expect(matchRoute('DELETE', '/connections/logs/grants/a%2Fb')).toEqual({
    key: 'DELETE /connections/{connection}/grants/{subject}',
    parameters: { connection: 'logs', subject: 'a%2Fb' },
  });
  expect(matchRoute('GET', '/connections')).toEqual({ key: 'GET /connections', parameters: {} });
});

test.each([
  ['GET', '/'],
  ['GET', '/connections/'],
  ['GET', '//connections'],
  ['PUT', '/connections'],
  ['POST', '/connections//token'],
  ['POST', '/connections/logs/token/'],
  ['GET', '/Connections'],
])('%s %s is no route', (method, path) => {
  expect(matchRoute(method, path)).toBeUndefined();
});

describe('no operation is reached by a path that is spelt in another way', () => {
  test.each([
    ['an encoded slash in a subject', 'DELETE /connections/{connection}/grants/{subject}', 'logs', 'a%2fb'],
    ['a dot for a subject', 'DELETE /connections/{connection}/grants/{subject}', 'logs', '.'],
    ['two dots for a subject', 'DELETE /connections/{connection}/grants/{subject}', 'logs', '..'],
    ['an encoded letter in a connection', 'GET /connections/{connection}', 'l%6fgs', ''],
    ['a connection that is too long', 'GET /connections/{connection}', 'n'.repeat(65), ''],
    ['a consent with a dot', 'POST /connections/{connection}/consent/{consent}', 'logs', 'a.b'],
  ] as const)('%s', (_, key, connection, other) => {
    const path = fillPath(key, (parameter) => (parameter === 'connection' ? connection : other));
    expect(callerOperation(key, path)).toBeUndefined();
  });
});

test('what IAM is told for an action opens the routes of that action, and no other', () => {
  const matches = (pattern: string, resource: string) =>
    new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(resource);
  for (const action of ACTIONS) {
    const granted = routesOf(action, 'logs');
    const opened = CALLER_ROUTES.filter((key) =>
      granted.some((pattern) => matches(pattern, `${partsOf(key).method}${pathOf(key)}`)),
    );
    expect(opened).toEqual(CALLER_ROUTES.filter((key) => ROUTES[key].action === action));
  }
});
